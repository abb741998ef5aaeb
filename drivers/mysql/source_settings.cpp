#include "mysql/source_settings.hpp"

#include <charconv>
#include <limits>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr const char* default_socket = "/run/mysqld/mysqld.sock";
constexpr std::uint16_t default_port = 3306;

Error bad_connection(const std::string& what) {
    return Error{Fault::invalid, "the connection " + what}.hint(
        "Write it as mysql://varve@127.0.0.1:3306, or mysql://varve@localhost?socket=/run/mysqld/mysqld.sock.");
}

/// `%2F` and the like.
std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const auto* digits = text.data() + i + 1;
        if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
            plain += static_cast<char>(value);
            i += 2;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

template <class Number>
std::optional<Number> find_number(std::string_view text) {
    Number value{};
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

void read_query(std::string_view query, ConnectionSettings& settings) {
    while (!query.empty()) {
        const auto word = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), word.size() + 1));
        const auto equals = word.find('=');
        const auto key = word.substr(0, equals);
        if (key != "socket" || equals == std::string_view::npos)
            throw bad_connection("has an option " + std::string{key} + ", and only `socket` is known");
        settings.socket = decoded(word.substr(equals + 1));
    }
}

void read_host(std::string_view host, ConnectionSettings& settings) {
    auto colon = host.rfind(':');
    if (host.starts_with('[')) {  // an IPv6 address
        const auto close = host.find(']');
        if (close == std::string_view::npos) throw bad_connection("has an address without its closing bracket");
        settings.host = host.substr(1, close - 1);
        colon = close + 1 < host.size() && host[close + 1] == ':' ? close + 1 : std::string_view::npos;
    } else {
        settings.host = decoded(host.substr(0, colon));
    }
    settings.port = default_port;
    if (colon == std::string_view::npos) {
        if (settings.host.empty() || settings.host == "localhost") settings.socket = default_socket;
        return;
    }
    const auto port = find_number<std::uint16_t>(host.substr(colon + 1));
    if (!port || *port == 0) throw bad_connection("has a port that is none: " + std::string{host.substr(colon + 1)});
    settings.port = *port;
}

Method method_of(const Settings& settings) {
    const auto text = settings.find_text("method").value_or("auto");
    if (text == "auto") return Method::automatic;
    if (text == "physical") return Method::physical;
    if (text == "logical") return Method::logical;
    throw Error{Fault::invalid, "method is \"" + text + "\" (" + settings.place("method") + ")"}.hint(
        "Use \"auto\", \"physical\" or \"logical\".");
}

std::optional<std::uint32_t> server_id_of(const Settings& settings) {
    const auto text = settings.find_text("server_id");
    if (!text) return std::nullopt;
    const auto id = find_number<std::uint32_t>(*text);
    if (!id || *id == 0)
        throw Error{Fault::invalid, "server_id is " + *text + " (" + settings.place("server_id") + ")"}.hint(
            "Give a number from 1 to 4294967295 that no server and no replica has, or leave it out: then it is a random one.");
    return id;
}

}  // namespace

ConnectionSettings parse_connection(const std::string& url) {
    std::string_view rest{url};
    const auto scheme = rest.substr(0, rest.find("://"));
    if (scheme.size() == rest.size() || (scheme != "mysql" && scheme != "mariadb"))
        throw bad_connection("does not begin with mysql://");
    rest.remove_prefix(scheme.size() + 3);

    ConnectionSettings settings;
    const auto question = rest.find('?');
    const auto query = question == std::string_view::npos ? std::string_view{} : rest.substr(question + 1);
    auto place = rest.substr(0, question);
    place = place.substr(0, place.find('/'));  // a database would be of no use
    if (const auto at = place.rfind('@'); at != std::string_view::npos) {
        const auto user = place.substr(0, at);
        if (user.find(':') != std::string_view::npos)
            throw Error{Fault::invalid, "the connection has a password in it"}.hint(
                "Take it out and write password = \"file:/path\" beside it.");
        settings.user = decoded(user);
        place.remove_prefix(at + 1);
    }
    read_host(place, settings);
    read_query(query, settings);
    return settings;
}

void read_tls(const Settings& settings, ConnectionSettings& connection) {
    connection.ca = settings.find_text("tls.ca").value_or("");
    connection.certificate = settings.find_text("tls.cert").value_or("");
    connection.key = settings.find_text("tls.key").value_or("");
    connection.insecure = settings.find_flag("insecure").value_or(false);
}

SourceSettings read_source_settings(const Settings& settings) {
    SourceSettings result;
    result.connection = parse_connection(settings.text("connection"));
    result.connection.password_reference = settings.find_text("password").value_or("");
    read_tls(settings, result.connection);
    result.method = method_of(settings);
    result.server_id = server_id_of(settings);
    result.bin_dir = settings.find_text("bin_dir").value_or("");
    result.scratch_dir = settings.find_text("scratch_dir").value_or("");
    return result;
}

}  // namespace varve::mysql
