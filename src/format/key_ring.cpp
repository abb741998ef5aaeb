// The keys file: a small fixed form of TOML. docs/repository-format.md, section 2.
#include <openssl/crypto.h>

#include <toml++/toml.h>
#include <sstream>

#include <algorithm>

#include "format/keys.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

struct Slot {
    std::string_view name;
    std::optional<Secret> KeyRing::* key;
};
constexpr std::array slots{Slot{"archive", &KeyRing::archive},   Slot{"restore", &KeyRing::restore},
                           Slot{"maintain", &KeyRing::maintain}, Slot{"escrow", &KeyRing::escrow},
                           Slot{"host", &KeyRing::host},         Slot{"admin", &KeyRing::admin}};

Error not_a_keys_file(const std::string& place, const std::string& what) {
    return Error{Fault::invalid, place + " is not a keys file: " + what}.hint(
        "Give the file that `varve init` wrote, or the recovery kit.");
}

/// Names the place and never the value: a value may be a key.
std::string text_at(const toml::table& table, std::string_view name, const std::string& place) {
    const auto value = table[name].value_exact<std::string>();
    if (!value) throw not_a_keys_file(place, "`" + std::string{name} + "` is not a text");
    return *value;
}

Secret secret_at(const toml::table& table, std::string_view name, const std::string& place) {
    auto text = text_at(table, name, place);
    try {
        auto bytes = from_hex(text);
        Secret secret{bytes};
        OPENSSL_cleanse(bytes.data(), bytes.size());
        OPENSSL_cleanse(text.data(), text.size());
        return secret;
    } catch (const Error&) {
        throw not_a_keys_file(place, "`" + std::string{name} + "` is not a key of 64 hexadecimal digits");
    }
}

void refuse_unknown(const toml::table& table, std::initializer_list<std::string_view> known, const std::string& place) {
    for (const auto& [name, value] : table) {
        if (std::find(known.begin(), known.end(), name.str()) == known.end()) {
            throw not_a_keys_file(place, "unknown entry `" + std::string{name.str()} + "`");
        }
    }
}

}  // namespace

KeyRing KeyRing::parse(const std::string& text, const std::string& place) {
    toml::table table;
    try {
        table = toml::parse(text);
    } catch (const toml::parse_error& error) {
        throw not_a_keys_file(place, "line " + std::to_string(error.source().begin.line) + " cannot be read");
    }
    refuse_unknown(table, {"format", "repository", "host_name", "keys"}, place);
    const auto format = table["format"].value_exact<std::int64_t>();
    if (!format) throw not_a_keys_file(place, "`format` is not a number");
    if (*format != 1) throw Error{Fault::unsupported, place + " has format " + std::to_string(*format) + "; this build reads 1"};

    KeyRing ring;
    ring.host_name = text_at(table, "host_name", place);
    Bytes id;
    try {
        id = from_hex(text_at(table, "repository", place));
    } catch (const Error&) {
        id.clear();
    }
    if (id.size() != ring.repository.size()) throw not_a_keys_file(place, "`repository` is not 32 hexadecimal digits");
    std::copy(id.begin(), id.end(), ring.repository.begin());

    const auto* keys = table["keys"].as_table();
    if (!keys) throw not_a_keys_file(place, "it has no [keys]");
    refuse_unknown(*keys, {"archive", "restore", "maintain", "escrow", "host", "admin"}, place);
    for (const auto& slot : slots) {
        if (keys->contains(slot.name)) ring.*slot.key = secret_at(*keys, slot.name, place);
    }
    return ring;
}

std::string KeyRing::print() const {
    std::ostringstream name;  // toml++ knows how to quote
    name << toml::value<std::string>{host_name};
    std::string text =
        "format = 1\nrepository = \"" + to_hex(ByteView{repository}) + "\"\nhost_name = " + name.str() + "\n[keys]\n";
    for (const auto& slot : slots) {
        if (const auto& key = this->*slot.key) text += std::string{slot.name} + " = \"" + to_hex(key->view()) + "\"\n";
    }
    return text;
}

const Secret& KeyRing::require(const std::optional<Secret>& key, const std::string& role, const std::string& purpose) const {
    if (key) return *key;
    throw Error{Fault::denied, "the " + role + " key is not held here, and " + purpose + " needs it"}.hint(
        "Give a keys file that holds it with `keys = \"file:…\"`, for example the recovery kit.");
}

}  // namespace varve
