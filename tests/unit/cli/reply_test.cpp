#include "cli/reply.hpp"

#include <catch2/catch.hpp>

#include "cli/error_codes.hpp"
#include "sample_results.hpp"

namespace varve::cli::test {
namespace {

using nlohmann::json;

Error sample_error() {
    return Error{Fault::missing, "pg/main cannot be restored to 2026-11-01T00:00:00Z"}
        .hint("The nearest instant is 2026-11-20T02:00:12Z.")
        .with("nearest_after", "2026-11-20T02:00:12Z")
        .code("point_not_recoverable", 22);
}

TEST_CASE("a result stands in the envelope of the interface") {
    const auto reply = reply_of("backup run", BackupRunResult{{sample_backup()}});

    CHECK(reply["result"]["backups"].size() == 1);
    auto rest = reply;
    rest.erase("result");
    CHECK(rest == json{{"schema", 1}, {"command", "backup run"}, {"ok", true}, {"exit_code", 0}});
}

TEST_CASE("an error stands in the envelope of the interface") {
    CHECK(reply_of("restore plan", sample_error()) == json{{"schema", 1},
                                                           {"command", "restore plan"},
                                                           {"ok", false},
                                                           {"exit_code", 22},
                                                           {"error",
                                                            {{"code", "point_not_recoverable"},
                                                             {"message", "pg/main cannot be restored to 2026-11-01T00:00:00Z"},
                                                             {"remedy", "The nearest instant is 2026-11-20T02:00:12Z."},
                                                             {"context", {{"nearest_after", "2026-11-20T02:00:12Z"}}}}}});
}

TEST_CASE("an error without context has an empty one") {
    const auto error = reply_of("status", Error{Fault::defect, "x"})["error"];

    CHECK(error["context"] == json::object());
    CHECK(error["remedy"] == "");
    CHECK(error["code"] == "defect");
}

TEST_CASE("an error of the service is the same error at the client") {
    const auto sent =
        GENERATE(values<Error>({sample_error(), Error{Fault::unreachable, "the link went down"},
                                Error{Fault::denied, "no"}.hint("Grant it.").with("sqlstate", "42501"),
                                Error{Fault::conflict, "another backup runs"}.code("busy", 11),
                                Error{Fault::missing, "no repository"}.code("repository_missing", 10),
                                Error{Fault::corrupt, "torn"}, Error{Fault::refused, "too much"}.code("word_of_tomorrow", 5)}));
    CAPTURE(sent.what());

    const auto got = find_error(json::parse(reply_of("x", sent).dump())).value();

    CHECK(got.fault() == sent.fault());
    CHECK(got.sentence() == sent.sentence());
    CHECK(got.remedy() == sent.remedy());
    CHECK(got.context() == sent.context());
    CHECK(got.code_word() == sent.code_word());
    CHECK(got.exit_code() == sent.exit_code());
}

TEST_CASE("the word and exit code of every fault come back as that fault") {
    const auto fault = GENERATE(
        values<Fault>({Fault::unreachable, Fault::overloaded, Fault::denied, Fault::invalid, Fault::missing, Fault::conflict,
                       Fault::corrupt, Fault::unsupported, Fault::refused, Fault::cancelled, Fault::defect}));
    const Error error{fault, "x"};

    CHECK(fault_of(code_of(error), error.exit_code()) == fault);
}

TEST_CASE("a result comes back as its struct, and an error reply as its exception") {
    const auto made = reply_of("backup run", BackupRunResult{{sample_backup()}});
    CHECK(result_of<BackupRunResult>(made).backups.at(0).files == 1042);

    CHECK_THROWS_AS(result_of<BackupRunResult>(reply_of("backup run", sample_error())), Error);
    CHECK_THROWS_AS(result_of<BackupRunResult>(json{{"schema", 1}}), Error);
    CHECK_THROWS_AS(result_of<BackupRunResult>(json{{"ok", true}, {"result", {{"backups", 7}}}}), Error);
    CHECK_THROWS_AS(result_of<BackupRunResult>(json::array()), Error);
}

TEST_CASE("a backup that fell short gives its result and says how") {
    struct Row {
        bool partial, left_out;
        int exit_code;
        std::string code;
    };
    const auto row =
        GENERATE(values<Row>({{true, false, 3, "partial"}, {true, true, 3, "partial"}, {false, true, 4, "fewer_copies"}}));
    BackupRunResult result{{sample_backup(), sample_backup()}};
    result.backups[1].partial = row.partial;
    if (row.left_out) result.backups[1].left_out = {RepositoryName{"offsite"}};

    const auto reply = reply_of("backup run", result);

    CHECK(reply["ok"] == false);
    CHECK(reply["exit_code"] == row.exit_code);
    CHECK(reply["error"]["code"] == row.code);
    CHECK(result_of<BackupRunResult>(reply).backups.size() == 2);
}

TEST_CASE("results that can fall short have the exit codes of the interface") {
    auto status = sample_status();
    CHECK(reply_of("status", status)["exit_code"] == 0);
    status.sources[0].state = State::failed;
    CHECK(reply_of("status", status)["exit_code"] == 20);
    status.sources[0].state = State::unknown;
    CHECK(reply_of("status", status)["exit_code"] == 20);
    status.sources[0].log.reset();
    CHECK(reply_of("status", status)["exit_code"] == 0);

    CheckResult check;
    check.sources.resize(1);
    CHECK(reply_of("check", check)["exit_code"] == 0);
    check.sources[0].ok = false;
    CHECK(reply_of("check", check)["exit_code"] == 1);

    VerifyResult verify;
    CHECK(reply_of("verify", verify)["exit_code"] == 0);
    verify.unanswered = {RepositoryName{"far"}};
    CHECK(reply_of("verify", verify)["exit_code"] == 75);
    verify.damaged = {{"pack/x", "its hash differs", {}}};
    CHECK(reply_of("verify", verify)["exit_code"] == 21);

    ConfigCheckResult config;
    config.problems = {{"varve.toml:3", "unknown key urll", "Did you mean url?"}};
    CHECK(reply_of("config check", config)["exit_code"] == 2);
}

TEST_CASE("stored bytes that are not what was stored are repository_damaged, 13") {
    const auto reply = reply_of("restore run", Error{Fault::corrupt, "a record is not what was stored"});

    CHECK(reply["error"]["code"] == "repository_damaged");
    CHECK(reply["exit_code"] == 13);
    CHECK(find_error(reply).value().fault() == Fault::corrupt);
    auto of_the_server = Error{Fault::corrupt, "the server found damaged data"};
    CHECK(code_of(of_the_server.with("sqlstate", "XX001")) == "corrupt");
}

TEST_CASE("wal-fetch answers 0, 1 for positively absent, and 128 or more for everything else") {
    CHECK(answer_of("wal-fetch", WalFetchResult{"000000010000000000000003", true}, false).exit_code == 0);
    CHECK(answer_of("wal-fetch", WalFetchResult{"000000010000000000000003", false}, false).exit_code == 1);
    CHECK(answer_of("wal-fetch", Error{Fault::invalid, "x"}, false).exit_code == 130);
    CHECK(answer_of("wal-fetch", Error{Fault::unreachable, "x"}, true).exit_code == 203);
    CHECK(answer_of("wal-fetch", Error{Fault::missing, "x"}, false).exit_code == 129);
    CHECK(answer_of("wal-push", Error{Fault::unreachable, "x"}, false).exit_code == 75);
}

TEST_CASE("stderr gets the message and then the hint") {
    CHECK(error_text(sample_error()) ==
          "error: pg/main cannot be restored to 2026-11-01T00:00:00Z\nhint: The nearest instant is 2026-11-20T02:00:12Z.\n");
    CHECK(error_text(Error{Fault::defect, "x"}) == "error: x\n");
    CHECK(error_text(Error{Fault::invalid, "the server said \x1b[2Jgone\nhint: none"}) ==
          "error: the server said ?[2Jgone?hint: none\n");
}

TEST_CASE("with --json stdout has exactly one document and stderr nothing") {
    const auto good = answer_of("status", sample_status(), true);
    CHECK(json::parse(good.out)["ok"] == true);
    CHECK(good.err.empty());

    const auto bad = answer_of("status", sample_error(), true);
    CHECK(json::parse(bad.out)["error"]["code"] == "point_not_recoverable");
    CHECK(bad.err.empty());
    CHECK(bad.exit_code == 22);
}

TEST_CASE("without --json a result goes to stdout and its shortfall to stderr") {
    BackupRunResult result{{sample_backup()}};
    result.backups[0].partial = true;
    result.backups[0].findings = {{Finding::Level::error, "2 bad pages in base/5/16384", "Look at the disk."}};

    const auto answer = answer_of("backup run", result, false);

    CHECK(answer.exit_code == 3);
    CHECK(answer.out.find("is stored but partial") != std::string::npos);
    CHECK(answer.err ==
          "error: backup 20261123T020000Z-1a2b3c4d of pg/main is partial: 2 bad pages in base/5/16384\n"
          "hint: Look at the disk.\n");
}

TEST_CASE("text that is no UTF-8 does not spoil the document") {
    const auto answer = answer_of("status", Error{Fault::invalid, "caf\xe9"}, true);

    CHECK(json::parse(answer.out)["error"]["message"].get<std::string>().find("caf") == 0);
}

}  // namespace
}  // namespace varve::cli::test
