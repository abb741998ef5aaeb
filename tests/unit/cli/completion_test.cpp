#include "cli/completion.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <memory>

#include "support/temp_dir.hpp"
#include "varve/error.hpp"

namespace varve::cli::test {
namespace {

struct ClosePipe {
    void operator()(std::FILE* pipe) const noexcept { pclose(pipe); }
};

/// What bash offers for the last of `words`, one blank between two offers.
std::string bash_offers(const std::string& words) {
    const varve::test::TempDir folder;
    const auto script = folder.path() / "completion";
    std::ofstream{script} << completion_script("bash") << "COMP_WORDS=(" << words
                          << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_varve\necho -n \"${COMPREPLY[*]}\"\n";
    const std::unique_ptr<std::FILE, ClosePipe> pipe{popen(("bash " + script.string() + " 2>&1").c_str(), "r")};
    REQUIRE(pipe);
    std::string text;
    std::array<char, 4096> block{};
    while (const auto got = std::fread(block.data(), 1, block.size(), pipe.get())) text.append(block.data(), got);
    return text;
}

TEST_CASE("bash is offered what fits at this place of the command line") {
    CHECK(bash_offers("varve ba") == "backup");
    CHECK(bash_offers("varve backup ''") == "run list show hold release acknowledge delete");
    CHECK(bash_offers("varve --config /etc/v.toml backup l") == "list");
    CHECK(bash_offers("varve backup run --fu") == "--full");
    CHECK(bash_offers("varve restore run pg/main --action ''") == "pause promote shutdown");
    CHECK(bash_offers("varve key export --role re") == "restore");
    CHECK(bash_offers("varve completion ''") == "bash zsh fish");
    CHECK(bash_offers("varve restore run --on") == "--on-demand-wal");
}

TEST_CASE("every shell's script names every command, and none that does not exist is made") {
    const std::string shell = GENERATE(values<std::string>({"bash", "zsh", "fish"}));
    const auto script = completion_script(shell);
    CAPTURE(shell);

    for (const auto* word :
         {"init", "check", "serve", "status", "backup run", "log gaps", "restore plan", "wal-fetch", "verify", "key prove",
          "config show", "ls", "diff", "recursive", "include", "source retire", "version", "full", "as-production"}) {
        CAPTURE(word);
        CHECK(script.find(word) != std::string::npos);
    }
    CHECK_THROWS_AS(completion_script("tcsh"), Error);
}

}  // namespace
}  // namespace varve::cli::test
