#include "postgresql/source_settings.hpp"

#include <algorithm>
#include <array>

#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {
namespace {

/// PostgreSQL cuts names at 63 bytes.
constexpr std::size_t slot_name_max = 63;

bool is_slot_character(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

/// A value as a libpq connection string reads it.
std::string conninfo_quoted(std::string_view value) {
    std::string quoted = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "'";
}

/// A URI takes further words as query parameters.
void add_word(std::string& conninfo, const std::string& name, const std::string& value) {
    const bool uri = conninfo.starts_with("postgresql://") || conninfo.starts_with("postgres://");
    if (uri)
        conninfo += (conninfo.find('?') == std::string::npos ? "?" : "&") + name + "=" + value;
    else
        conninfo += " " + name + "=" + conninfo_quoted(value);
}

ConnectionSettings connection_at(std::string conninfo, const Settings& settings, const std::string& application_name) {
    static constexpr std::array<std::pair<const char*, const char*>, 3> tls = {
        {{"tls.ca", "sslrootcert"}, {"tls.cert", "sslcert"}, {"tls.key", "sslkey"}}};
    for (const auto& [key, word] : tls)
        if (const auto path = settings.find_text(key)) add_word(conninfo, word, *path);
    ConnectionSettings connection;
    connection.conninfo = std::move(conninfo);
    connection.password_reference = settings.find_text("password").value_or("");
    connection.insecure = settings.find_flag("insecure").value_or(false);
    connection.application_name = application_name;
    return connection;
}

Method method_of(const Settings& settings) {
    const auto text = settings.find_text("method").value_or("auto");
    if (text == "auto") return Method::automatic;
    if (text == "files") return Method::files;
    if (text == "stream") return Method::stream;
    throw Error{Fault::invalid, "method is \"" + text + "\" (" + settings.place("method") + ")"}.hint(
        "Use \"auto\", \"files\" or \"stream\".");
}

std::string slot_of(const SourceName& source, const Settings& settings) {
    const auto slot = settings.find_text("slot");
    if (!slot) return default_slot(source);
    if (slot->empty() || slot->size() > slot_name_max || !std::ranges::all_of(*slot, is_slot_character))
        throw Error{Fault::invalid, "\"" + *slot + "\" is no name of a slot (" + settings.place("slot") + ")"}.hint(
            "A slot's name has lower-case letters, digits and underscores, 63 at most.");
    return *slot;
}

}  // namespace

std::string default_slot(const SourceName& source) {
    std::string name = "varve_";
    for (const char c : source.text()) name += is_slot_character(c) ? c : '_';
    const auto hash = to_hex(sha256(view_of(source.text())));
    name.resize(std::min(name.size(), slot_name_max - 5));
    return name + "_" + hash.substr(0, 4);
}

SourceSettings read_source_settings(const SourceName& source, const Settings& settings) {
    SourceSettings result;
    result.slot = slot_of(source, settings);
    result.method = method_of(settings);
    result.primary = connection_at(settings.find_text("connection").value_or(""), settings, result.slot);
    if (const auto standby = settings.find_text("backup_from"))
        result.backup_from = connection_at(*standby, settings, result.slot);
    return result;
}

}  // namespace varve::postgresql
