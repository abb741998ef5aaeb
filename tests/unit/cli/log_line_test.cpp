#include "cli/log_line.hpp"

#include <catch2/catch.hpp>

#include "base/log_redirect.hpp"

using namespace varve;

TEST_CASE("with --json a log line is a document of its own on one line") {
    const auto time = from_rfc3339("2026-11-23T08:00:00Z");

    CHECK(cli::log_line(LogLevel::warning, "pg/main", "the link\nwent down", time) ==
          R"({"log":{"level":"warning","message":"the link\nwent down","subject":"pg/main","time":"2026-11-23T08:00:00Z"}})"
          "\n");
    CHECK(cli::log_line(LogLevel::info, "", "serving", time).find(R"("subject":null)") != std::string::npos);
}

TEST_CASE("a redirected log gets the lines of the level in effect, and nothing else does") {
    std::string seen;
    redirect_log([&](LogLevel, std::string_view subject, std::string_view message) {
        seen += std::string{subject} + "|" + std::string{message} + ";";
    });

    log(LogLevel::debug, "a", "too little to say");
    log(LogLevel::warning, "a", "b");
    redirect_log({});

    CHECK(seen == "a|b;");
}
