/// One table of the configuration on its way into a struct: each key is asked for by name, with its form and default;
/// what nobody asked for is unknown. Nothing here throws for what a user wrote: it is noted as a problem.
#pragma once

#include <toml++/toml.h>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "varve/error.hpp"

namespace varve {

/// What is gathered while the configuration is read.
struct Reading {
    std::vector<ConfigProblem> problems;
    std::vector<EffectiveValue> effective;

    void note(std::string place, std::string what, std::string remedy = {}) {
        problems.push_back({std::move(place), std::move(what), std::move(remedy)});
    }
    void note(std::string place, std::string_view where, const Error& error) {
        note(std::move(place), std::string{where} + ": " + error.sentence(), error.remedy());
    }
};

class Section {
public:
    /// `tables`: tables of the same name from several files; a key in two of them is a problem.
    enum class Repeats { nothing, tables };  ///< Repeats::tables: a key that is a table in each may be in several
    Section(Reading& reading, std::string name, const std::vector<const toml::table*>& tables, std::string prefix = {},
            Repeats repeats = Repeats::nothing);

    const std::string& name() const noexcept { return name_; }
    void rename(std::string name) { name_ = std::move(name); }
    /// File and line of the table itself.
    const std::string& place() const noexcept { return place_; }
    std::string place(const std::string& key) const;
    bool has(const std::string& key) const { return values_.contains(key); }
    /// Makes `key` a known one without reading it.
    void expect(const std::string& key) { asked_.insert(key); }

    /// The text of `key` or nothing, without a word about it.
    std::string peek(const std::string& key) const;

    // Each gives the value, or `fallback` when the key is absent or wrong, and lists what is in effect.
    std::string text(const std::string& key, const std::string& fallback);
    bool flag(const std::string& key, bool fallback);
    std::int64_t count(const std::string& key, std::int64_t fallback, std::int64_t least, std::int64_t most);
    std::vector<std::string> list(const std::string& key, const std::vector<std::string>& fallback);
    std::chrono::microseconds duration(const std::string& key, const std::string& fallback, std::chrono::microseconds least);
    std::uint64_t size(const std::string& key, const std::string& fallback, std::uint64_t least);
    /// Nothing for "unlimited".
    std::optional<std::uint64_t> size_or_unlimited(const std::string& key, const std::string& fallback);
    std::string one_of(const std::string& key, const std::vector<std::string>& words, const std::string& fallback);
    /// Text that must be file:, env: or credential:.
    std::string secret(const std::string& key, const std::string& fallback);
    /// Text that `parse` turns into a value: an Error it throws becomes a problem.
    template <class Parse>
    auto parsed(const std::string& key, const std::string& fallback, Parse parse) -> decltype(parse(fallback)) {
        const auto given = text(key, fallback);
        try {
            return parse(given);
        } catch (const Error& error) {
            reading_.note(place(key), "`" + prefix_ + key + "`", error);
            return parse(fallback);
        }
    }

    /// Any value as a driver or store gets it; a table becomes `key.inner`. Absent: nothing is set.
    void pass_on(const std::string& key, Settings& into);
    /// An inner table; empty when absent. Its finish() is the caller's.
    Section inner(const std::string& key);
    /// Notes every key that nobody asked for. `where` ends the sentence: "in [limits]".
    void finish(const std::string& where);
    /// Takes what nobody asked for as known: used when too little is known to judge.
    void forgive_the_rest();

    Reading& reading() noexcept { return reading_; }

private:
    const toml::node* take(const std::string& key);
    void record(const std::string& key, std::string value);
    void note_form(const std::string& key, std::string_view wanted);

    Reading& reading_;
    std::string name_, place_, prefix_;
    std::map<std::string, const toml::node*> values_;
    std::set<std::string> asked_;
};

/// The files, merged: tables of one name side by side, lists of tables joined.
class ConfigFiles {
public:
    /// Files with a syntax error are noted and left out.
    ConfigFiles(const std::vector<ConfigText>& texts, Reading& reading);

    /// What stands at the top: the keys outside of any table, and the names of the tables.
    Section& root() noexcept { return root_; }
    Section table(const std::string& name);
    std::vector<Section> tables(const std::string& name);

private:
    Reading& reading_;
    std::deque<toml::table> files_;
    Section root_;
};

/// A text as TOML: quoted, escaped.
std::string quoted(const std::string& text);

}  // namespace varve
