#include "stores/object_key.hpp"

#include <algorithm>
#include <string_view>

#include "varve/error.hpp"

namespace varve {
namespace {

constexpr std::size_t key_bytes_max = 1024;
constexpr std::size_t component_bytes_max = 255;

bool is_component(std::string_view text) { return !text.empty() && text.front() != '.' && text.size() <= component_bytes_max; }

bool is_key(std::string_view text) {
    if (text.empty() || text.size() > key_bytes_max || text == "tmp" || text.starts_with("tmp/")) return false;
    if (!std::ranges::all_of(text, [](char character) { return character > 0x20 && character < 0x7f; })) return false;
    while (true) {
        const auto slash = text.find('/');
        if (!is_component(text.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        text.remove_prefix(slash + 1);
    }
}

}  // namespace

void check_key(const ObjectKey& key) {
    if (!is_key(key.text())) throw Error{Fault::invalid, "\"" + key.text() + "\" cannot be an object's key"};
}

}  // namespace varve
