#include "mysql/logical_script.hpp"

#include <algorithm>
#include <array>

#include "varve/bytes.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::string_view keyword = "DELIMITER ";

bool stays(unsigned char byte) {
    const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
    return letter || byte == '_' || byte == '-' || byte == '$' || byte >= 0x80;
}

/// Behind the quoted run that begins at `at`: quotes are doubled, and in text a backslash guards too.
std::size_t behind_quotes(std::string_view sql, std::size_t at) {
    const char quote = sql[at++];
    for (; at < sql.size(); ++at) {
        if (sql[at] == '\\' && quote != '`')
            ++at;
        else if (sql[at] == quote && at + 1 < sql.size() && sql[at + 1] == quote)
            ++at;
        else if (sql[at] == quote)
            return at + 1;
    }
    throw Error{Fault::corrupt, "a table's definition ends within quotes"};
}

bool is_quote(char c) { return c == '`' || c == '\'' || c == '"'; }

struct Definition {
    std::string_view head;  ///< up to and with the first parenthesis
    std::vector<std::string_view> items;
    std::string_view tail;  ///< from the closing parenthesis on
};

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \n") + 1 - begin);
}

Definition take_apart(std::string_view create) {
    Definition parts;
    std::size_t at = 0, item = 0;
    int depth = 0;
    while (at < create.size()) {
        const char c = create[at];
        if (is_quote(c)) {
            at = behind_quotes(create, at);
            continue;
        }
        if (c == '(' && ++depth == 1) {
            parts.head = create.substr(0, at + 1);
            item = at + 1;
        } else if (c == ',' && depth == 1) {
            parts.items.push_back(trimmed(create.substr(item, at - item)));
            item = at + 1;
        } else if (c == ')' && --depth == 0) {
            parts.items.push_back(trimmed(create.substr(item, at - item)));
            parts.tail = create.substr(at);
            return parts;
        }
        ++at;
    }
    throw Error{Fault::corrupt, "a table's definition has no end"};
}

/// Without what stands in quotes: to look for words.
std::string plain_words(std::string_view item) {
    std::string words;
    for (std::size_t at = 0; at < item.size();) {
        if (is_quote(item[at])) {
            at = behind_quotes(item, at);
            words += '?';
        } else {
            words += item[at++];
        }
    }
    return words;
}

/// The column in backquotes that counts by itself; empty: none does.
std::string_view counting_column(const std::vector<std::string_view>& items) {
    for (const auto item : items)
        if (item.starts_with('`') && plain_words(item).find(" AUTO_INCREMENT") != std::string::npos)
            return item.substr(0, behind_quotes(item, 0));
    return {};
}

}  // namespace

std::string quoted_name(std::string_view name) {
    std::string quoted = "`";
    for (const char c : name) {
        if (c == '`') quoted += c;
        quoted += c;
    }
    return quoted + "`";
}

std::string quoted_text(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += '\\';
        if (c == '\0')
            quoted += "\\0";
        else
            quoted += c;
    }
    return quoted + "'";
}

std::string path_component(std::string_view name) {
    std::string component;
    for (const char c : name) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (stays(byte))
            component += c;
        else
            component += "%" + to_hex(ByteView{&byte, 1});
    }
    return component;
}

std::string name_of_component(std::string_view component) {
    std::string name;
    for (std::size_t at = 0; at < component.size(); ++at) {
        if (component[at] != '%') {
            name += component[at];
            continue;
        }
        if (component.size() - at < 3) throw Error{Fault::corrupt, "a name in the backup ends within an escape"};
        name += static_cast<char>(from_hex(component.substr(at + 1, 2)).front());
        at += 2;
    }
    return name;
}

std::string to_script(const std::vector<std::string>& statements) {
    static constexpr std::array<std::string_view, 4> simple{";;", "$$", "//", "||"};
    const auto occurs = [&](std::string_view text) {
        return std::ranges::any_of(statements, [&](const auto& one) { return one.find(text) != std::string::npos; });
    };
    std::string delimiter;
    for (const auto candidate : simple)
        if (delimiter.empty() && !occurs(candidate)) delimiter = candidate;
    for (int number = 0; delimiter.empty(); ++number)
        if (const auto candidate = "$$" + std::to_string(number) + "$$"; !occurs(candidate)) delimiter = candidate;
    std::string script = std::string{keyword} + delimiter + "\n";
    // A statement must not run into the delimiter with its last character.
    for (const auto& statement : statements) script += statement + "\n" + delimiter + "\n";
    return script;
}

std::vector<std::string> statements_of(std::string_view script) {
    const auto first_line = script.substr(0, script.find('\n'));
    if (!first_line.starts_with(keyword)) throw Error{Fault::corrupt, "a file of statements does not begin with its delimiter"};
    const auto mark = "\n" + std::string{first_line.substr(keyword.size())} + "\n";
    script.remove_prefix(std::min(script.size(), first_line.size() + 1));
    std::vector<std::string> statements;
    while (!script.empty()) {
        const auto end = script.find(mark);
        if (end == std::string_view::npos) throw Error{Fault::corrupt, "a file of statements ends within one"};
        statements.emplace_back(script.substr(0, end));
        script.remove_prefix(end + mark.size());
    }
    return statements;
}

TableParts split_table(std::string_view create, LateKeys late) {
    const auto definition = take_apart(create);
    TableParts parts;
    const bool has_primary =
        std::ranges::any_of(definition.items, [](std::string_view item) { return item.starts_with("PRIMARY KEY"); });
    const auto counting = counting_column(definition.items);
    std::string items;
    for (const auto item : definition.items) {
        const bool foreign = item.starts_with("CONSTRAINT ") && plain_words(item).starts_with("CONSTRAINT ? FOREIGN KEY");
        const bool single = item.starts_with("FULLTEXT KEY ") || item.starts_with("SPATIAL KEY ");
        const bool key = item.starts_with("KEY ") || item.starts_with("UNIQUE KEY ");
        // The first key that leaves no NULL in is where InnoDB keeps the rows, and a counting column must lead a key.
        const bool needed =
            !has_primary || (!counting.empty() && item.find("(" + std::string{counting}) != std::string_view::npos);
        if (foreign)
            parts.foreign_keys.push_back("ADD " + std::string{item});
        else if (single && late == LateKeys::all)
            parts.single_keys.push_back("ADD " + std::string{item});
        else if (key && !needed && late == LateKeys::all)
            parts.keys.push_back("ADD " + std::string{item});
        else
            items += (items.empty() ? "\n  " : ",\n  ") + std::string{item};
    }
    parts.create = std::string{definition.head} + items + "\n" + std::string{definition.tail};
    return parts;
}

std::string without_auto_increment(std::string_view create) {
    const auto definition = take_apart(create);
    std::string text{create};
    static constexpr std::string_view word = " AUTO_INCREMENT=";
    const auto tail_begin = create.size() - definition.tail.size();
    const auto found = text.find(word, tail_begin);
    if (found == std::string::npos) return text;
    const auto end = text.find_first_not_of("0123456789", found + word.size());
    return text.erase(found, std::min(end, text.size()) - found);
}

}  // namespace varve::mysql
