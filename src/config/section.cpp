#include "config/section.hpp"

#include <algorithm>

#include "base/did_you_mean.hpp"

namespace varve {

namespace {

std::string place_of(const toml::source_region& source) {
    const std::string file = source.path ? *source.path : std::string{};
    return source.begin.line > 0 ? file + ":" + std::to_string(source.begin.line) : file;
}
std::string place_of(const toml::node& node) { return place_of(node.source()); }

/// A value that is one text, number or truth; nothing for anything else.
std::optional<std::string> scalar_of(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    return {};
}

/// A list of such values; nothing when it is no list or holds anything else.
std::optional<std::vector<std::string>> list_of(const toml::node& node) {
    const auto* array = node.as_array();
    if (!array) return {};
    std::vector<std::string> texts;
    for (const auto& element : *array) {
        auto text = scalar_of(element);
        if (!text) return {};
        texts.push_back(*std::move(text));
    }
    return texts;
}

bool is_tables(const toml::node& node) { return node.is_table() || node.is_array_of_tables(); }

std::string shown(const toml::node& node) {
    if (node.is_string()) return quoted(*scalar_of(node));
    return scalar_of(node).value_or("");
}

std::string shown(const std::vector<std::string>& texts) {
    std::string line = "[";
    for (const auto& text : texts) line += (line.size() > 1 ? ", " : "") + quoted(text);
    return line + "]";
}

}  // namespace

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n')
            result += "\\n";
        else if (c == '\t')
            result += "\\t";
        else
            result += c;
    }
    return result + '"';
}

Section::Section(Reading& reading, std::string name, const std::vector<const toml::table*>& tables, std::string prefix,
                 Repeats repeats)
    : reading_{reading}, name_{std::move(name)}, prefix_{std::move(prefix)} {
    for (const auto* table : tables) {
        if (place_.empty()) place_ = place_of(*table);
        for (const auto& [key, node] : *table) {
            const auto [first, added] = values_.try_emplace(std::string{key.str()}, &node);
            const bool both_tables = is_tables(node) && is_tables(*first->second);
            if (!added && !(both_tables && repeats == Repeats::tables))
                reading_.note(place_of(node), "`" + prefix_ + first->first + "` is given twice",
                              "It is also at " + place_of(*first->second) + ".");
        }
    }
}

std::string Section::place(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? place_ : place_of(*found->second);
}

std::string Section::peek(const std::string& key) const {
    const auto found = values_.find(key);
    return found != values_.end() && found->second->is_string() ? found->second->as_string()->get() : std::string{};
}

const toml::node* Section::take(const std::string& key) {
    asked_.insert(key);
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : found->second;
}

void Section::record(const std::string& key, std::string value) {
    const auto found = values_.find(key);
    reading_.effective.push_back(
        {name_, prefix_ + key, std::move(value), found == values_.end() ? "default" : place_of(*found->second)});
}

void Section::note_form(const std::string& key, std::string_view wanted) {
    reading_.note(place(key), "`" + prefix_ + key + "` must be " + std::string{wanted});
}

std::string Section::text(const std::string& key, const std::string& fallback) {
    const auto* node = take(key);
    if (node && node->is_string()) {
        record(key, shown(*node));
        return node->as_string()->get();
    }
    if (node) note_form(key, "text in quotes");
    record(key, quoted(fallback));
    return fallback;
}

bool Section::flag(const std::string& key, bool fallback) {
    const auto* node = take(key);
    if (node && !node->is_boolean()) note_form(key, "true or false");
    const bool value = node && node->is_boolean() ? node->as_boolean()->get() : fallback;
    record(key, value ? "true" : "false");
    return value;
}

std::int64_t Section::count(const std::string& key, std::int64_t fallback, std::int64_t least, std::int64_t most) {
    const auto* node = take(key);
    auto value = fallback;
    if (node) {
        const auto* number = node->as_integer();
        if (number && number->get() >= least && number->get() <= most)
            value = number->get();
        else
            note_form(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    record(key, std::to_string(value));
    return value;
}

std::vector<std::string> Section::list(const std::string& key, const std::vector<std::string>& fallback) {
    const auto* node = take(key);
    auto value = fallback;
    if (node) {
        if (auto texts = list_of(*node))
            value = *std::move(texts);
        else
            note_form(key, "a list of texts");
    }
    record(key, shown(value));
    return value;
}

std::chrono::microseconds Section::duration(const std::string& key, const std::string& fallback,
                                            std::chrono::microseconds least) {
    return parsed(key, fallback, [&](const std::string& given) {
        const auto value = parse_duration(given);
        if (value < least) throw Error{Fault::invalid, "\"" + given + "\" is too short"};
        return value;
    });
}

std::uint64_t Section::size(const std::string& key, const std::string& fallback, std::uint64_t least) {
    return parsed(key, fallback, [&](const std::string& given) {
        const auto value = parse_size(given);
        if (value < least) throw Error{Fault::invalid, "\"" + given + "\" is too little"};
        return value;
    });
}

std::optional<std::uint64_t> Section::size_or_unlimited(const std::string& key, const std::string& fallback) {
    return parsed(key, fallback, [](const std::string& given) -> std::optional<std::uint64_t> {
        if (given == "unlimited") return {};
        const auto value = parse_size(given);
        if (value == 0) throw Error{Fault::invalid, "\"0\" would stop everything"}.hint("Write \"unlimited\" or a size.");
        return value;
    });
}

std::string Section::one_of(const std::string& key, const std::vector<std::string>& words, const std::string& fallback) {
    return parsed(key, fallback, [&](const std::string& given) {
        if (std::ranges::find(words, given) != words.end()) return given;
        std::string known;
        for (const auto& word : words) known += (known.empty() ? "" : ", ") + quoted(word);
        throw Error{Fault::invalid, "there is no " + quoted(given)}.hint("One of " + known + ".");
    });
}

std::string Section::secret(const std::string& key, const std::string& fallback) {
    const auto* node = take(key);
    if (!node) {
        record(key, quoted(fallback));
        return fallback;
    }
    const auto given = scalar_of(*node).value_or("");
    for (const std::string_view kind : {"file:/", "env:", "credential:"})
        if (node->is_string() && given.starts_with(kind) && given.size() > kind.size()) {
            record(key, quoted(given));
            return given;
        }
    // The value is not repeated: it may be the secret itself.
    reading_.note(place(key), "`" + prefix_ + key + "` must be a reference to a secret, not the secret itself",
                  "Write \"file:/path\", \"env:NAME\" or \"credential:NAME\".");
    return fallback;
}

void Section::pass_on(const std::string& key, Settings& into) {
    const auto* node = take(key);
    if (!node) return;
    if (node->is_table()) {
        auto nested = inner(key);
        for (const auto& [name, value] : nested.values_) {
            Settings values;
            nested.pass_on(name, values);
            for (const auto& [inside, setting] : values.all()) into.set(key + "." + inside, setting);
        }
        return;
    }
    Setting setting{.values = {}, .is_list = node->is_array(), .place = place(key)};
    if (auto texts = list_of(*node)) {
        setting.values = *std::move(texts);
        record(key, shown(setting.values));
    } else if (auto value = scalar_of(*node)) {
        setting.values = {*std::move(value)};
        record(key, shown(*node));
    } else {
        return note_form(key, "text, a whole number, true or false, or a list of these");
    }
    into.set(key, std::move(setting));
}

Section Section::inner(const std::string& key) {
    const auto* node = take(key);
    std::vector<const toml::table*> tables;
    if (node && node->is_table()) tables.push_back(node->as_table());
    if (node && !node->is_table()) note_form(key, "a table");
    Section section{reading_, name_, tables, prefix_ + key + "."};
    if (section.place_.empty()) section.place_ = place(key);
    return section;
}

void Section::finish(const std::string& where) {
    const std::vector<std::string> known{asked_.begin(), asked_.end()};
    for (const auto& [key, node] : values_) {
        if (asked_.contains(key)) continue;
        const auto meant = did_you_mean(key, known);
        reading_.note(place_of(*node), "unknown key `" + prefix_ + key + "` in " + where,
                      meant ? "Did you mean `" + prefix_ + *meant + "`?" : "");
    }
}

void Section::forgive_the_rest() {
    for (const auto& [key, node] : values_) asked_.insert(key);
}

}  // namespace varve
