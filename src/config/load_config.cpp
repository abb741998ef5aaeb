#include <algorithm>
#include <cstdlib>

#include "config/config.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {

namespace {

constexpr std::uint64_t config_bytes_max = 4u << 20;

/// `conf.d/*.toml` beside the file, by name; none when there is no such folder.
std::vector<std::filesystem::path> parts_beside(const std::filesystem::path& file, std::vector<ConfigProblem>& problems) {
    const auto folder = file.parent_path() / "conf.d";
    std::vector<std::filesystem::path> parts;
    std::error_code failure;
    if (!std::filesystem::exists(folder, failure)) return parts;
    for (std::filesystem::directory_iterator entry{folder, failure}, end; !failure && entry != end; entry.increment(failure))
        if (entry->path().extension() == ".toml") parts.push_back(entry->path());
    if (failure) problems.push_back({folder.string(), "cannot list it: " + failure.message(), ""});
    std::ranges::sort(parts);
    return parts;
}

void read_into(std::vector<ConfigText>& texts, const std::filesystem::path& file, std::vector<ConfigProblem>& problems) {
    try {
        const auto bytes = read_file(file, config_bytes_max);
        texts.push_back({file.string(), std::string{text_of(bytes)}});
    } catch (const Error& error) {
        problems.push_back({file.string(), error.sentence(), error.remedy()});
    }
}

}  // namespace

std::filesystem::path config_file(const std::optional<std::filesystem::path>& given) {
    if (given) return *given;
    if (const char* named = std::getenv("VARVE_CONFIG"); named && *named) return named;
    return "/etc/varve/varve.toml";
}

ConfigResult check_config(const std::filesystem::path& file, const KnownKinds& known) {
    std::vector<ConfigProblem> problems;
    std::vector<ConfigText> texts;
    read_into(texts, file, problems);
    if (texts.empty()) {  // without its main file, every other complaint would mislead
        problems.back().remedy = "Write it, or name another with --config or VARVE_CONFIG.";
        return {.config = {}, .problems = std::move(problems)};
    }
    for (const auto& part : parts_beside(file, problems)) read_into(texts, part, problems);

    auto result = read_config(texts, known);
    result.config.file = file;
    result.problems.insert(result.problems.begin(), problems.begin(), problems.end());
    for (auto& problem : result.problems)
        if (problem.place.empty()) problem.place = file.string();
    return result;
}

Config load_config(const std::filesystem::path& file, const KnownKinds& known) {
    auto result = check_config(file, known);
    const auto& problems = result.problems;
    if (problems.empty()) return std::move(result.config);

    std::string sentence = problems.size() == 1 ? "" : std::to_string(problems.size()) + " problems in the configuration";
    for (const auto& problem : problems) {
        if (problems.size() > 1) sentence += "\n  ";
        sentence += problem.place + ": " + problem.what;
        if (problems.size() > 1 && !problem.remedy.empty()) sentence += " (" + problem.remedy + ")";
    }
    Error error{Fault::invalid, std::move(sentence)};
    error.code("configuration", 2);
    if (problems.size() == 1 && !problems.front().remedy.empty()) error.hint(problems.front().remedy);
    throw error;
}

std::string show_config(const Config& config) {
    std::string text, section;
    std::size_t widest = 0;
    for (const auto& value : config.effective)
        widest = std::max(widest, std::min<std::size_t>(value.key.size() + value.value.size() + 3, 60));
    for (const auto& value : config.effective) {
        if (value.section != section)
            text += (text.empty() ? "" : "\n") + value.section.substr(0, value.section.find(' ')) + "\n";
        section = value.section;
        auto line = value.key + " = " + value.value;
        if (line.size() < widest) line.resize(widest, ' ');
        text += line + "  # " + value.place + "\n";
    }
    return text;
}

}  // namespace varve
