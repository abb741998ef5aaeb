// Who may include whom, and who may link whom. A new folder gets a row here; docs/architecture.md draws the same picture.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace varve::test {
namespace {

namespace fs = std::filesystem;

/// The first component of what a folder's quoted includes may name. "varve" is include/varve, the narrow waist.
/// Data flows base <- format <- pipeline <- repository <- jobs <- service; only app names drivers and stores.
using Layers = std::map<std::string, std::set<std::string>>;
const Layers may_include{
    {"include/varve", {"varve"}},
    {"src/base", {"varve", "base"}},
    {"src/format", {"varve", "base", "format", "format.pb.h"}},
    {"src/policy", {"varve", "policy"}},
    {"src/stores", {"varve", "base", "stores"}},
    {"src/pipeline", {"varve", "base", "format", "format.pb.h", "pipeline"}},
    {"src/repository", {"varve", "base", "format", "format.pb.h", "policy", "pipeline", "repository"}},
    {"src/config", {"varve", "base", "policy", "config"}},
    {"src/jobs", {"varve", "base", "policy", "pipeline", "repository", "jobs"}},
    {"src/service", {"varve", "base", "policy", "jobs", "service"}},
    {"src/cli", {"varve", "base", "policy", "config", "cli"}},
    {"src/app",
     {"varve", "base", "format", "policy", "stores", "pipeline", "repository", "config", "jobs", "service", "cli", "app",
      "postgresql", "mysql", "files", "sqlite"}},
    {"drivers/postgresql", {"varve", "postgresql"}},
    {"drivers/files", {"varve", "files", "sqlite"}},  // the one line that crosses drivers: databases in a tree
    {"drivers/sqlite", {"varve", "sqlite"}},
    {"drivers/mysql", {"varve", "mysql"}},
};

/// Rules take values and give decisions: these parts of the waist are for those who act.
const std::set<std::string> policy_may_not_include{"varve/async.hpp", "varve/file.hpp",   "varve/log.hpp", "varve/process.hpp",
                                                   "varve/store.hpp", "varve/stream.hpp", "varve/task.hpp"};

bool is_source(const fs::path& path) {
    const auto extension = path.extension();
    return extension == ".hpp" || extension == ".cpp" || extension == ".h" || extension == ".cc";
}

std::string name_of(const std::string& folder) { return fs::path{folder}.filename(); }

void check_file(const fs::path& path, const fs::path& root, const std::string& folder, const std::set<std::string>& allowed,
                std::vector<std::string>& findings) {
    static const std::regex include{R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)"};
    std::ifstream source{path};
    std::string line;
    std::smatch match;
    for (int number = 1; std::getline(source, line); ++number) {
        if (!std::regex_match(line, match, include)) continue;
        const std::string target = match[2];
        const auto first = target.substr(0, target.find('/'));
        const bool ours_in_brackets = match[1] == "<" && first == "varve";
        const bool not_allowed = match[1] == "\"" && !allowed.contains(first);
        const bool not_pure = folder == "src/policy" && policy_may_not_include.contains(target);
        if (!ours_in_brackets && !not_allowed && !not_pure) continue;
        findings.push_back(fs::relative(path, root).string() + ":" + std::to_string(number) + ": " + name_of(folder) +
                           " may not include " + target);
    }
}

/// "src/jobs/backup_job.cpp:3: jobs may not include stores/s3_store.hpp", one line a finding.
std::vector<std::string> include_findings(const fs::path& root, const Layers& layers) {
    std::vector<std::string> findings;
    for (const auto* parent : {"include", "src", "drivers"}) {
        if (!fs::exists(root / parent)) continue;
        for (const auto& folder : fs::directory_iterator{root / parent}) {
            if (!folder.is_directory()) continue;
            const auto name = fs::relative(folder.path(), root).string();
            const auto row = layers.find(name);
            if (row == layers.end()) {
                findings.push_back(name + " has no row in tests/tidy/layers_test.cpp");
                continue;
            }
            for (const auto& entry : fs::recursive_directory_iterator{folder.path()}) {
                if (is_source(entry.path())) check_file(entry.path(), root, name, row->second, findings);
            }
        }
    }
    return findings;
}

/// The targets that `text` (a CMakeLists.txt) links its own library with.
std::vector<std::string> linked_by(const std::string& text) {
    static const std::regex links{R"((?:varve_library\s*\([^)]*LINKS|target_link_libraries\s*\()([^)]*)\))"};
    std::vector<std::string> targets;
    for (auto at = std::sregex_iterator{text.begin(), text.end(), links}; at != std::sregex_iterator{}; ++at) {
        std::istringstream words{(*at)[1].str()};
        for (std::string word; words >> word;) {
            if (word == "INCLUDE") break;
            targets.push_back(word);
        }
    }
    return targets;
}

/// Links that the includes do not allow: a driver links the waist and foreign libraries, and nothing else of ours.
std::vector<std::string> link_findings(const fs::path& root, const Layers& layers) {
    std::vector<std::string> findings;
    for (const auto& [folder, allowed] : layers) {
        const auto path = root / folder / "CMakeLists.txt";
        if (!fs::exists(path)) continue;
        for (const auto& target : linked_by(read_text(path))) {
            const auto underscore = target.find('_');
            const auto kind = target.substr(0, underscore);
            const auto name = underscore == std::string::npos ? std::string{} : target.substr(underscore + 1);
            const bool ours = kind == "varve" || kind == "driver";
            const bool in_driver = folder.starts_with("drivers/");
            // varve_base holds the bodies of the waist: everything of src may link it, whatever it may include.
            const bool common = target == "varve_waist" || target == "varve_flags" || (!in_driver && target == "varve_base") ||
                                (folder == "src/format" && target == "varve_proto");
            const bool its_own = name == name_of(folder) || (folder == "src/app" && target == "varve");
            const bool permitted = common || its_own || (allowed.contains(name) && (!in_driver || kind == "driver"));
            if (ours && !permitted)
                findings.push_back(folder + "/CMakeLists.txt: " + name_of(folder) + " may not link " + target);
        }
    }
    return findings;
}

TEST_CASE("every include keeps to the layers", "[tidy]") {
    CHECK(include_findings(VARVE_SOURCE_DIR, may_include) == std::vector<std::string>{});
}

TEST_CASE("every target links only what its folder may include, and a driver only the waist", "[tidy]") {
    CHECK(link_findings(VARVE_SOURCE_DIR, may_include) == std::vector<std::string>{});
}

TEST_CASE("every row of the table is a folder that exists", "[tidy]") {
    for (const auto& [folder, allowed] : may_include) {
        CAPTURE(folder);
        CHECK(fs::exists(fs::path{VARVE_SOURCE_DIR} / folder));
    }
}

// The checks themselves must be able to fail: here is a small tree in which each rule is broken once.
TEST_CASE("a tree that breaks the layers is found out, line by line", "[tidy]") {
    const TempDir tree;
    const Layers layers{{"src/base", {"varve", "base"}}, {"src/policy", {"varve", "policy"}}, {"drivers/one", {"varve", "one"}}};
    write_text(tree / "src/base/fine.cpp", "#include \"varve/error.hpp\"\n#include \"base/fine.hpp\"\n#include <vector>\n");
    write_text(tree / "src/base/upward.hpp", "\n  #  include \"jobs/runner.hpp\"  // hidden by blanks\n");
    write_text(tree / "src/base/deep/down.cpp", "#include \"down.hpp\"\n");
    write_text(tree / "src/base/brackets.cpp", "#include <varve/error.hpp>\n");
    write_text(tree / "src/base/not_source.txt", "#include \"jobs/runner.hpp\"\n");
    write_text(tree / "src/policy/acts.cpp", "#include \"varve/file.hpp\"\n");
    write_text(tree / "src/newcomer/x.cpp", "#include \"varve/error.hpp\"\n");
    write_text(tree / "drivers/one/x.cpp", "#include \"one/x.hpp\"\n#include \"two/x.hpp\"\n#include \"base/x.hpp\"\n");

    auto findings = include_findings(tree.path(), layers);
    std::ranges::sort(findings);

    CHECK(findings == std::vector<std::string>{
                          "drivers/one/x.cpp:2: one may not include two/x.hpp",
                          "drivers/one/x.cpp:3: one may not include base/x.hpp",
                          "src/base/brackets.cpp:1: base may not include varve/error.hpp",
                          "src/base/deep/down.cpp:1: base may not include down.hpp",
                          "src/base/upward.hpp:2: base may not include jobs/runner.hpp",
                          "src/newcomer has no row in tests/tidy/layers_test.cpp",
                          "src/policy/acts.cpp:1: policy may not include varve/file.hpp",
                      });
}

TEST_CASE("a driver that links more than the waist is found out", "[tidy]") {
    const TempDir tree;
    const Layers layers{{"drivers/one", {"varve", "one"}},
                        {"drivers/two", {"varve", "two"}},
                        {"src/base", {"varve", "base"}},
                        {"src/jobs", {"varve", "base", "jobs"}}};
    write_text(tree / "drivers/one/CMakeLists.txt",
               "varve_library(driver_one LINKS varve_waist PkgConfig::libpq\n  varve_base INCLUDE ${X})\n"
               "target_link_libraries(driver_one PRIVATE driver_two)\n");
    write_text(tree / "drivers/two/CMakeLists.txt", "varve_library(driver_two LINKS varve_waist PkgConfig::x INCLUDE ${X})\n");
    write_text(tree / "src/base/CMakeLists.txt", "varve_library(varve_base LINKS varve_waist varve_jobs)\n");
    write_text(tree / "src/jobs/CMakeLists.txt", "varve_library(varve_jobs LINKS varve_base)\n");

    CHECK(link_findings(tree.path(), layers) == std::vector<std::string>{
                                                    "drivers/one/CMakeLists.txt: one may not link varve_base",
                                                    "drivers/one/CMakeLists.txt: one may not link driver_two",
                                                    "src/base/CMakeLists.txt: base may not link varve_jobs",
                                                });
}

}  // namespace
}  // namespace varve::test
