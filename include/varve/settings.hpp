/// The settings of one source as a driver sees them: names and values with the place each came from.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// One value of the configuration, still as text; lists have several.
struct Setting {
    std::vector<std::string> values;
    bool is_list = false;
    std::string place;  ///< "varve.toml:12", for messages
};

class Settings {
public:
    void set(std::string key, Setting setting) { settings_[std::move(key)] = std::move(setting); }
    bool has(std::string_view key) const { return settings_.find(key) != settings_.end(); }
    /// Nothing when the key is absent. Fault::invalid, with key and place, when the value has another form.
    std::optional<std::string> find_text(std::string_view key) const;
    std::optional<std::chrono::microseconds> find_duration(std::string_view key) const;
    std::optional<std::uint64_t> find_size(std::string_view key) const;  ///< bytes
    std::optional<bool> find_flag(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;  ///< a single text counts as a list of one
    /// Fault::invalid when the key is absent.
    std::string text(std::string_view key) const;
    std::string place(std::string_view key) const;
    const std::map<std::string, Setting, std::less<>>& all() const noexcept { return settings_; }

private:
    std::map<std::string, Setting, std::less<>> settings_;
};

/// `10s` `5min` `1h` `30d` `500ms`; `12mo` is not a duration. Fault::invalid otherwise.
std::chrono::microseconds parse_duration(std::string_view text);
/// `16MiB` `1GiB` `4096` `1MB`. Fault::invalid otherwise.
std::uint64_t parse_size(std::string_view text);

/// A secret by reference: `file:/path`, `env:NAME`, `credential:NAME` (systemd). One trailing newline is cut.
/// Fault::invalid for anything else: a secret never stands in the configuration itself.
std::string read_secret(std::string_view reference);

}  // namespace varve
