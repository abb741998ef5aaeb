#include "postgresql/sync_names.hpp"

#include <algorithm>
#include <cctype>

#include "varve/error.hpp"

namespace varve::postgresql {

namespace {

struct Word {
    enum class Kind { name, quoted, number, open, close, comma, end };
    Kind kind = Kind::end;
    std::string text;
};

Error not_understood() { return Error{Fault::invalid, "synchronous_standby_names has a form that the server would not accept"}; }

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0; }
bool is_name_part(char c) { return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '$'; }

/// The words of the setting, as the server's own scanner cuts them.
class Words {
public:
    explicit Words(std::string_view rest) : rest_{rest} {}

    Word next() {
        while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
        if (rest_.empty()) return {};
        const char c = rest_.front();
        if (c == '"') return quoted();
        if (is_name_start(c)) return {Word::Kind::name, take(is_name_part)};
        if (std::isdigit(static_cast<unsigned char>(c)))
            return {Word::Kind::number, take([](char d) { return d >= '0' && d <= '9'; })};
        rest_.remove_prefix(1);
        switch (c) {
            case '(':
                return {Word::Kind::open, "("};
            case ')':
                return {Word::Kind::close, ")"};
            case ',':
                return {Word::Kind::comma, ","};
            case '*':
                return {Word::Kind::name, "*"};
            default:
                throw not_understood();
        }
    }

private:
    template <class Part>
    std::string take(Part part) {
        const auto count = static_cast<std::size_t>(std::ranges::find_if_not(rest_, part) - rest_.begin());
        std::string word{rest_.substr(0, count)};
        rest_.remove_prefix(count);
        return word;
    }

    /// Two quotes inside stand for one.
    Word quoted() {
        std::string text;
        for (std::size_t at = 1; at < rest_.size(); ++at) {
            const bool is_quote = rest_[at] == '"';
            if (is_quote && !rest_.substr(at + 1).starts_with('"')) {
                rest_.remove_prefix(at + 1);
                return {Word::Kind::quoted, text};
            }
            if (is_quote) ++at;
            text += rest_[at];
        }
        throw not_understood();
    }

    std::string_view rest_;
};

bool equal_in_any_case(std::string_view left, std::string_view right) {
    const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
    return std::ranges::equal(left, right, {}, lower, lower);
}

std::vector<Word> words_of(std::string_view setting) {
    Words words{setting};
    std::vector<Word> all;
    for (auto word = words.next(); word.kind != Word::Kind::end; word = words.next()) all.push_back(std::move(word));
    return all;
}

/// Where the list of names begins and ends: behind `FIRST 2 (` and before `)`.
struct List {
    std::size_t begin = 0, end = 0;
    std::string head;  ///< `FIRST 2 `; empty for a plain list
};

List list_in(const std::vector<Word>& words) {
    std::size_t at = 0;
    List list;
    const auto is = [&](std::size_t index, Word::Kind kind) { return index < words.size() && words[index].kind == kind; };
    const bool has_method = is(0, Word::Kind::name) && is(1, Word::Kind::number) &&
                            (equal_in_any_case(words[0].text, "first") || equal_in_any_case(words[0].text, "any"));
    if (has_method) list.head = words[at++].text + " ";
    // A number alone is a name: `1, 2`. Before a parenthesis it is a count.
    if (is(at, Word::Kind::number) && is(at + 1, Word::Kind::open)) {
        list.head += words[at].text + " ";
        if (!is(words.size() - 1, Word::Kind::close)) throw not_understood();
        list.begin = at + 2;
        list.end = words.size() - 1;
        return list;
    }
    if (has_method) throw not_understood();
    list.end = words.size();
    return list;
}

std::vector<Word> names_in(const std::vector<Word>& words, const List& list) {
    std::vector<Word> names;
    for (auto at = list.begin; at < list.end; ++at) {
        const bool comma_wanted = (at - list.begin) % 2 == 1;
        const auto kind = words[at].kind;
        const bool is_name = kind == Word::Kind::name || kind == Word::Kind::quoted || kind == Word::Kind::number;
        if (comma_wanted ? kind != Word::Kind::comma : !is_name) throw not_understood();
        if (is_name) names.push_back(words[at]);
    }
    if ((list.end - list.begin) % 2 == 0) throw not_understood();
    return names;
}

bool stands_for_all(const Word& word) { return word.text == "*"; }

std::string quote_name(const std::string& name) {
    std::string quoted = "\"";
    for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

std::string quote_literal(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
    return quoted + "'";
}

}  // namespace

std::vector<std::string> standby_names(std::string_view setting) {
    const auto words = words_of(setting);
    std::vector<std::string> names;
    if (words.empty()) return names;
    for (auto& word : names_in(words, list_in(words))) names.push_back(std::move(word.text));
    return names;
}

bool is_synchronous(std::string_view setting, std::string_view application_name) {
    return std::ranges::any_of(standby_names(setting), [application_name](const std::string& name) {
        return name == "*" || equal_in_any_case(name, application_name);
    });
}

std::string excluding_statement(std::string_view setting, std::string_view application_name) {
    const auto words = words_of(setting);
    const auto list = words.empty() ? List{} : list_in(words);
    std::string rest;
    const auto names = words.empty() ? std::vector<Word>{} : names_in(words, list);
    for (const auto& word : names) {
        if (equal_in_any_case(word.text, application_name)) continue;
        const bool plain = word.kind != Word::Kind::quoted && !stands_for_all(word);
        const auto name = stands_for_all(word) ? "NAME_OF_A_STANDBY" : plain ? word.text : quote_name(word.text);
        rest += (rest.empty() ? "" : ", ") + name;
    }
    const auto value = rest.empty() || list.head.empty() ? rest : list.head + "(" + rest + ")";
    return "ALTER SYSTEM SET synchronous_standby_names = " + quote_literal(value) + "; SELECT pg_reload_conf();";
}

void refuse_synchronous(std::string_view setting, const std::string& application_name) {
    if (!is_synchronous(setting, application_name)) return;
    throw Error{Fault::refused, "the server's synchronous_standby_names would take " + application_name +
                                    " for a synchronous standby, and hold every commit until the archive has it"}
        .hint("Run: " + excluding_statement(setting, application_name));
}

}  // namespace varve::postgresql
