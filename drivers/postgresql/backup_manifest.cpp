#include "postgresql/backup_manifest.hpp"

#include <charconv>
#include <optional>

#include "postgresql/config_text.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {
namespace {

Error unreadable() { return Error{Fault::corrupt, "the server's backup manifest cannot be read"}; }

/// Appends the character `code` as UTF-8. The server escapes control characters only: one byte each.
void add_escaped(std::string& text, std::string_view& rest) {
    if (rest.empty()) throw unreadable();
    const char kind = rest.front();
    rest.remove_prefix(1);
    static constexpr std::string_view from = "bfnrt\"\\/", to = "\b\f\n\r\t\"\\/";
    if (const auto at = from.find(kind); at != std::string_view::npos) {
        text += to[at];
        return;
    }
    unsigned code = 0;
    if (kind != 'u' || rest.size() < 4 || std::from_chars(rest.data(), rest.data() + 4, code, 16).ec != std::errc{} ||
        code > 0x7F)
        throw unreadable();
    text += static_cast<char>(code);
    rest.remove_prefix(4);
}

/// The string value of `key` in one line of the manifest, which holds one file.
std::optional<std::string> find_string(std::string_view line, std::string_view key) {
    const auto name = "\"" + std::string{key} + "\": \"";
    const auto at = line.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    auto rest = line.substr(at + name.size());
    std::string text;
    for (;;) {
        if (rest.empty()) throw unreadable();
        const char c = rest.front();
        rest.remove_prefix(1);
        if (c == '"') return text;
        if (c == '\\')
            add_escaped(text, rest);
        else
            text += c;
    }
}

std::uint64_t number(std::string_view line, std::string_view key) {
    const auto name = "\"" + std::string{key} + "\": ";
    const auto at = line.find(name);
    if (at == std::string_view::npos) throw unreadable();
    const auto rest = line.substr(at + name.size());
    std::uint64_t value = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), value).ec != std::errc{}) throw unreadable();
    return value;
}

/// The last line carries the SHA-256 of everything before it.
void check_own_sum(std::string_view text) {
    constexpr std::string_view key = "\"Manifest-Checksum\"";
    const auto at = text.rfind(key);
    if (at == std::string_view::npos) throw unreadable();
    const auto sum = find_string(text.substr(at), "Manifest-Checksum");
    if (!sum || *sum != to_hex(sha256(view_of(text.substr(0, at)))))
        throw Error{Fault::corrupt, "the server's backup manifest does not match its checksum"};
}

}  // namespace

std::vector<ManifestFile> parse_backup_manifest(std::string_view text) {
    check_own_sum(text);
    std::vector<ManifestFile> files;
    for (const auto line : lines_of(text)) {
        if (line.find("\"Last-Modified\": ") == std::string_view::npos) continue;
        ManifestFile file;
        if (auto path = find_string(line, "Path"))
            file.path = std::move(*path);
        else if (const auto encoded = find_string(line, "Encoded-Path"))
            file.path = std::string{text_of(from_hex(*encoded))};
        else
            throw unreadable();
        file.size = number(line, "Size");
        file.crc32c = find_string(line, "Checksum").value_or("");
        files.push_back(std::move(file));
    }
    return files;
}

std::string manifest_crc(std::uint32_t crc) {
    const std::uint8_t bytes[] = {static_cast<std::uint8_t>(crc), static_cast<std::uint8_t>(crc >> 8),
                                  static_cast<std::uint8_t>(crc >> 16), static_cast<std::uint8_t>(crc >> 24)};
    return to_hex(ByteView{bytes});
}

void ReceivedFiles::check(const std::vector<ManifestFile>& manifest) const {
    for (const auto& wanted : manifest) {
        const auto found = files_.find(wanted.path);
        if (found == files_.end())
            throw Error{Fault::corrupt, "the server's manifest names a file that did not arrive: " + wanted.path};
        const bool same =
            found->second.size == wanted.size && (wanted.crc32c.empty() || manifest_crc(found->second.crc) == wanted.crc32c);
        if (!same) throw Error{Fault::corrupt, "a file arrived other than the server's manifest says: " + wanted.path};
    }
}

}  // namespace varve::postgresql
