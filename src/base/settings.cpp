#include "varve/settings.hpp"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {
namespace {

constexpr std::uint64_t secret_bytes_max = 64u << 10;

/// `text` split into a whole number and what follows it.
struct Amount {
    std::uint64_t number = 0;
    std::string_view unit;
};
std::optional<Amount> find_amount(std::string_view text) {
    Amount amount;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), amount.number);
    if (failure != std::errc{}) return {};
    amount.unit = text.substr(static_cast<std::size_t>(end - text.data()));
    return amount;
}

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr std::uint64_t second = 1'000'000;
constexpr Unit duration_units[] = {{"us", 1},
                                   {"ms", 1000},
                                   {"s", second},
                                   {"min", 60 * second},
                                   {"h", 3600 * second},
                                   {"d", 86400 * second},
                                   {"w", 7 * 86400 * second}};
constexpr Unit size_units[] = {
    {"", 1},      {"B", 1},     {"KiB", 1ull << 10}, {"MiB", 1ull << 20},  {"GiB", 1ull << 30},     {"TiB", 1ull << 40},
    {"kB", 1000}, {"KB", 1000}, {"MB", 1000'000},    {"GB", 1000'000'000}, {"TB", 1000'000'000'000}};

template <std::size_t Count>
std::optional<std::uint64_t> find_product(std::string_view text, const Unit (&units)[Count], std::uint64_t max) {
    const auto amount = find_amount(text);
    if (!amount) return {};
    for (const auto& unit : units) {
        if (unit.name != amount->unit) continue;
        if (amount->number > max / unit.factor) return {};
        return amount->number * unit.factor;
    }
    return {};
}

std::string without_last_newline(std::string text) {
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::string secret_file(const std::filesystem::path& path) {
    const auto content = read_file(path, secret_bytes_max);
    return without_last_newline(std::string{text_of(content)});
}

const Setting& single(const std::string& key, const Setting& setting) {
    if (setting.is_list || setting.values.size() != 1) {
        throw Error{Fault::invalid, "`" + key + "` must be one value, not a list"}.during(setting.place);
    }
    return setting;
}

}  // namespace

std::chrono::microseconds parse_duration(std::string_view text) {
    const auto value = find_product(text, duration_units, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!value) {
        throw Error{Fault::invalid, "not a duration: \"" + std::string{text} + "\""}.hint(
            "Write a whole number and one of ms, s, min, h, d, w: 10s, 5min, 30d.");
    }
    return std::chrono::microseconds{static_cast<std::int64_t>(*value)};
}

std::uint64_t parse_size(std::string_view text) {
    const auto value = find_product(text, size_units, std::numeric_limits<std::uint64_t>::max());
    if (!value) {
        throw Error{Fault::invalid, "not a size: \"" + std::string{text} + "\""}.hint(
            "Write a whole number of bytes, or one with KiB, MiB, GiB, TiB, kB, MB, GB, TB: 16MiB.");
    }
    return *value;
}

std::string read_secret(std::string_view reference) {
    const auto colon = reference.find(':');
    const auto kind = reference.substr(0, colon);
    const std::string what{colon == std::string_view::npos ? "" : reference.substr(colon + 1)};
    if (kind == "file" && !what.empty()) return secret_file(what);
    if (kind == "env" && !what.empty()) {
        const char* value = std::getenv(what.c_str());
        if (value == nullptr) throw Error{Fault::missing, "the environment variable " + what + " is not set"};
        return without_last_newline(value);
    }
    if (kind == "credential" && !what.empty() && what.find('/') == std::string::npos) {
        const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
        if (folder == nullptr) {
            throw Error{Fault::missing, "there is no credential " + what + ": CREDENTIALS_DIRECTORY is not set"}.hint(
                "Start Varve from its systemd unit, with LoadCredential=" + what + ":PATH.");
        }
        return secret_file(std::filesystem::path{folder} / what);
    }
    // The text itself stays out of the message: it may be the secret, written where it must not be.
    throw Error{Fault::invalid, "not a reference to a secret"}.hint("Write file:/path, env:NAME or credential:NAME.");
}

std::optional<std::string> Settings::find_text(std::string_view key) const {
    const auto found = settings_.find(key);
    if (found == settings_.end()) return {};
    return single(found->first, found->second).values.front();
}

namespace {

/// find_text and then `parse`; what goes wrong names key and place.
template <class Parse>
auto find_parsed(const Settings& settings, std::string_view key, Parse parse) -> std::optional<decltype(parse(std::string{}))> {
    const auto text = settings.find_text(key);
    if (!text) return {};
    try {
        return parse(*text);
    } catch (Error& error) {
        error.during("`" + std::string{key} + "`").during(settings.place(key));
        throw;
    }
}

}  // namespace

std::optional<std::chrono::microseconds> Settings::find_duration(std::string_view key) const {
    return find_parsed(*this, key, [](const std::string& text) { return parse_duration(text); });
}

std::optional<std::uint64_t> Settings::find_size(std::string_view key) const {
    return find_parsed(*this, key, [](const std::string& text) { return parse_size(text); });
}

std::optional<bool> Settings::find_flag(std::string_view key) const {
    return find_parsed(*this, key, [](const std::string& text) {
        if (text == "true") return true;
        if (text == "false") return false;
        throw Error{Fault::invalid, "must be true or false, not \"" + text + "\""};
    });
}

std::vector<std::string> Settings::list(std::string_view key) const {
    const auto found = settings_.find(key);
    return found == settings_.end() ? std::vector<std::string>{} : found->second.values;
}

std::string Settings::text(std::string_view key) const {
    if (auto found = find_text(key)) return *std::move(found);
    throw Error{Fault::invalid, "`" + std::string{key} + "` is not set"};
}

std::string Settings::place(std::string_view key) const {
    const auto found = settings_.find(key);
    return found == settings_.end() ? std::string{} : found->second.place;
}

}  // namespace varve
