/// One table of fields a struct gives both directions: fields(visit, value) names each member once, and to_json and from_json
/// follow from it. Private to json_*.cpp.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "cli/results_status.hpp"
#include "varve/clock.hpp"
#include "varve/driver.hpp"
#include "varve/names.hpp"

namespace varve::cli {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

/// Writes every field; nothing becomes null.
struct FieldWriter {
    nlohmann::json& out;
    template <class T>
    void operator()(const char* name, const T& value);
    /// Text that is not known when it is empty: null.
    template <class T>
    void known(const char* name, const T& value);
};

/// Reads the fields that are there; others keep their values.
struct FieldReader {
    const nlohmann::json& in;
    template <class T>
    void operator()(const char* name, T& value);
    template <class T>
    void known(const char* name, T& value);
};

template <class T>
concept Plain = std::same_as<T, std::string> || std::is_arithmetic_v<T>;

constexpr auto enum_words(std::type_identity<Finding::Level>) { return std::array{"info", "warning", "error"}; }

/// An enumeration has `constexpr auto enum_words(std::type_identity<E>)`: an array of words by value.
template <class E>
concept Worded = std::is_enum_v<E> && requires { enum_words(std::type_identity<E>{}); };

nlohmann::json encoded(const Plain auto& value) { return value; }
inline nlohmann::json encoded(Instant value) { return to_rfc3339(value); }
inline nlohmann::json encoded(std::chrono::microseconds value) { return std::chrono::duration<double>(value).count(); }
template <class Tag>
nlohmann::json encoded(const Name<Tag>& value) {
    return value.text();
}
template <Worded E>
nlohmann::json encoded(E value) {
    return enum_words(std::type_identity<E>{}).at(static_cast<std::size_t>(value));
}
template <class T>
nlohmann::json encoded(const std::optional<T>& value);
template <class T>
nlohmann::json encoded(const std::vector<T>& values);
template <class K, class T>
nlohmann::json encoded(const std::map<K, T>& values);
template <class T>
    requires requires(FieldWriter& writer, const T& value) { fields(writer, value); }
nlohmann::json encoded(const T& value) {
    nlohmann::json out = nlohmann::json::object();
    FieldWriter writer{out};
    fields(writer, value);
    return out;
}
template <class T>
nlohmann::json encoded(const std::optional<T>& value) {
    return value ? encoded(*value) : nlohmann::json{};
}
template <class T>
nlohmann::json encoded(const std::vector<T>& values) {
    auto out = nlohmann::json::array();
    for (const auto& value : values) out.push_back(encoded(value));
    return out;
}
template <class K, class T>
nlohmann::json encoded(const std::map<K, T>& values) {
    auto out = nlohmann::json::object();
    for (const auto& [key, value] : values) out[encoded(key).template get<std::string>()] = encoded(value);
    return out;
}

void decode(const nlohmann::json& in, Plain auto& value) { in.get_to(value); }
inline void decode(const nlohmann::json& in, Instant& value) { value = from_rfc3339(in.get<std::string>()); }
inline void decode(const nlohmann::json& in, std::chrono::microseconds& value) {
    value = std::chrono::round<std::chrono::microseconds>(std::chrono::duration<double>(in.get<double>()));
}
template <class Tag>
void decode(const nlohmann::json& in, Name<Tag>& value) {
    value = Name<Tag>{in.get<std::string>()};
}
/// A word of a newer service that we do not know leaves the value as it is.
template <Worded E>
void decode(const nlohmann::json& in, E& value) {
    const auto word = in.get<std::string>();
    const auto words = enum_words(std::type_identity<E>{});
    for (std::size_t i = 0; i < words.size(); ++i)
        if (word == words[i]) value = static_cast<E>(i);
}
template <class T>
void decode(const nlohmann::json& in, std::optional<T>& value);
template <class T>
void decode(const nlohmann::json& in, std::vector<T>& values);
template <class K, class T>
void decode(const nlohmann::json& in, std::map<K, T>& values);
template <class T>
    requires requires(FieldReader& reader, T& value) { fields(reader, value); }
void decode(const nlohmann::json& in, T& value) {
    (void)in.get_ref<const nlohmann::json::object_t&>();  // throws when it is none
    FieldReader reader{in};
    fields(reader, value);
}
template <class T>
void decode(const nlohmann::json& in, std::optional<T>& value) {
    value.reset();
    if (!in.is_null()) decode(in, value.emplace());
}
template <class T>
void decode(const nlohmann::json& in, std::vector<T>& values) {
    values.clear();
    for (const auto& one : in.get_ref<const nlohmann::json::array_t&>()) decode(one, values.emplace_back());
}
template <class K, class T>
void decode(const nlohmann::json& in, std::map<K, T>& values) {
    values.clear();
    for (const auto& [key, one] : in.get_ref<const nlohmann::json::object_t&>()) decode(one, values[K{key}]);
}

template <class T>
void FieldWriter::operator()(const char* name, const T& value) {
    out[name] = encoded(value);
}
template <class T>
void FieldWriter::known(const char* name, const T& value) {
    out[name] = value.empty() ? nlohmann::json{} : encoded(value);
}
template <class T>
void FieldReader::operator()(const char* name, T& value) {
    if (const auto found = in.find(name); found != in.end()) decode(*found, value);
}
template <class T>
void FieldReader::known(const char* name, T& value) {
    value = T{};
    if (const auto found = in.find(name); found != in.end() && !found->is_null()) decode(*found, value);
}

void fields(auto& visit, Is<Finding> auto& it) {
    visit("level", it.level);
    visit("what", it.what);
    visit("remedy", it.remedy);
}

void fields(auto& visit, Is<Window> auto& it) {
    visit("from", it.from);
    visit("to", it.to);
    visit.known("lineage", it.lineage);
}

void fields(auto& visit, Is<GapRow> auto& it) {
    visit("lineage", it.lineage);
    visit("from", it.from);
    visit("to", it.to);
    visit("time", it.time);
    visit("reason", it.reason);
}

}  // namespace varve::cli
