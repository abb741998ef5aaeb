#include "config/section.hpp"

namespace varve {

namespace {

/// Files with a syntax error are noted and left out.
std::deque<toml::table> parse_all(const std::vector<ConfigText>& texts, Reading& reading) {
    std::deque<toml::table> files;
    for (const auto& text : texts) {
        try {
            files.push_back(toml::parse(text.text, text.name));
        } catch (const toml::parse_error& error) {
            reading.note(text.name + ":" + std::to_string(error.source().begin.line),
                         "not TOML: " + std::string{error.description()});
        }
    }
    return files;
}

std::vector<const toml::table*> tops_of(const std::deque<toml::table>& files) {
    std::vector<const toml::table*> tops;
    for (const auto& file : files) tops.push_back(&file);
    return tops;
}

}  // namespace

ConfigFiles::ConfigFiles(const std::vector<ConfigText>& texts, Reading& reading)
    : reading_{reading}, files_{parse_all(texts, reading)}, root_{reading, "", tops_of(files_), "", Section::Repeats::tables} {}

Section ConfigFiles::table(const std::string& name) {
    std::vector<const toml::table*> found;
    root_.expect(name);
    for (const auto& file : files_) {
        const auto* node = file.get(name);
        if (node && node->is_table()) found.push_back(node->as_table());
        if (node && !node->is_table()) reading_.note(root_.place(name), "`" + name + "` must be a table: [" + name + "]");
    }
    return {reading_, "[" + name + "]", found};
}

std::vector<Section> ConfigFiles::tables(const std::string& name) {
    std::vector<Section> found;
    root_.expect(name);
    for (const auto& file : files_) {
        const auto* node = file.get(name);
        if (!node) continue;
        if (!node->is_array_of_tables()) {
            reading_.note(root_.place(name), "`" + name + "` must be a list of tables: [[" + name + "]]");
            continue;
        }
        for (const auto& element : *node->as_array())
            found.emplace_back(reading_, "[[" + name + "]]", std::vector<const toml::table*>{element.as_table()});
    }
    return found;
}

}  // namespace varve
