#include "service/notice.hpp"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "service/notice_memory.hpp"
#include "service/notice_sender.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"

using namespace varve;
using json = nlohmann::json;
using varve::test::TempDir;

namespace {

Notice failure() {
    return {.id = "abc",
            .event = "failure",
            .reminder = false,
            .host = "db1",
            .time = from_rfc3339("2026-11-23T02:00:00Z"),
            .items = {{.source = SourceName{"pg/main"},
                       .driver = "postgresql",
                       .state = "failed",
                       .reason = "the log is 31 s behind: <disk> & \"full\"",
                       .remedy = "Look at the repository that is behind.",
                       .since = from_rfc3339("2026-11-23T01:59:00Z")}}};
}

}  // namespace

TEST_CASE("a title says what happened where, in plain letters on one line") {
    auto notice = failure();
    CHECK(title_of(notice) == "pg/main failed on db1");
    notice.reminder = true;
    CHECK(title_of(notice) == "pg/main still failed on db1");
    notice.items.push_back(notice.items.front());
    notice.event = "recovery";
    CHECK(title_of(notice) == "2 sources good again on db1");
    notice.host = "db\r\nBcc: x";
    CHECK(title_of(notice) == "2 sources good again on db??Bcc: x");
}

TEST_CASE("the document holds all of it, with the names that scripts rely on") {
    const auto document = json::parse(document_of(failure()));

    CHECK(document["schema"] == 1);
    CHECK(document["event"] == "failure");
    CHECK(document["reminder"] == false);
    CHECK(document["host"] == "db1");
    CHECK(document["time"] == "2026-11-23T02:00:00Z");
    CHECK(document["sources"][0]["name"] == "pg/main");
    CHECK(document["sources"][0]["state"] == "failed");
    CHECK(document["sources"][0]["since"] == "2026-11-23T01:59:00Z");
}

TEST_CASE("each form is what its receiver takes") {
    const auto slack = json::parse(body_of(failure(), NoticeForm::slack, "").body);
    const auto discord = json::parse(body_of(failure(), NoticeForm::discord, "").body);
    const auto teams = json::parse(body_of(failure(), NoticeForm::teams, "").body);
    const auto ntfy = body_of(failure(), NoticeForm::ntfy, "");

    CHECK(slack["text"].get<std::string>().find("&lt;disk&gt; &amp;") != std::string::npos);
    CHECK(discord["content"].get<std::string>().starts_with("**pg/main failed on db1**\n"));
    CHECK(discord["allowed_mentions"]["parse"].empty());
    CHECK(teams["attachments"][0]["content"]["type"] == "AdaptiveCard");
    CHECK(teams["attachments"][0]["content"]["body"][0]["text"] == "pg/main failed on db1");
    CHECK(ntfy.headers.front() == "Title: pg/main failed on db1");
    CHECK(ntfy.body.find("31 s behind") != std::string::npos);
}

TEST_CASE("a long notice is cut at a letter, where the receiver takes no more") {
    auto notice = failure();
    notice.items.front().reason = std::string(3000, 'x');
    for (int i = 0; i < 3000; ++i) notice.items.front().reason += "ä";

    const auto content = json::parse(body_of(notice, NoticeForm::discord, "").body)["content"].get<std::string>();

    CHECK(content.size() < 1950);
    CHECK(content.ends_with("…"));
}

TEST_CASE("the operator's own body takes the place of every form") {
    const auto body = body_of(failure(), NoticeForm::slack, R"({"msg": "{title} {reason}"})");

    CHECK(body.type == "application/json");
    CHECK(json::parse(body.body)["msg"] == "pg/main failed on db1 the log is 31 s behind: <disk> & \"full\"");
    CHECK(body_of(failure(), NoticeForm::json, "{title}").type.starts_with("text/plain"));
}

TEST_CASE("the signature is the HMAC of time and body") {
    // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    CHECK(notice_signature("key", "1700000000", "{}") ==
          "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

TEST_CASE("a receiver's name tells no secret") {
    CHECK(name_of(NoticeTarget{.on = {}, .url = "https://hooks.example/services/T0/B0/hunter2"}) == "webhook to hooks.example");
    CHECK(name_of(NoticeTarget{.on = {}, .url = "credential:hook"}) == "webhook in credential:hook");
}

TEST_CASE("what was told is read again, and what cannot be read is said") {
    const TempDir folder;
    const auto file = folder.path() / "state" / "notices.json";
    const auto at = from_rfc3339("2026-11-23T02:00:00.5Z");
    NoticeMemory memory;
    memory["webhook 1"].sources[SourceName{"pg/main"}].told = Health::failed;
    memory["webhook 1"].sources[SourceName{"pg/main"}].told_at = at;
    memory["webhook 1"].sources[SourceName{"shop/db"}].told = Health::good;
    memory["webhook 1"].digest = at;

    CHECK(read_notice_memory(file).empty());
    write_notice_memory(file, memory);
    auto again = read_notice_memory(file);

    REQUIRE(again["webhook 1"].sources.size() == 1);
    CHECK(again["webhook 1"].sources.begin()->second.told == Health::failed);
    CHECK(again["webhook 1"].sources.begin()->second.told_at == at);
    CHECK(again["webhook 1"].digest == at);
    test::write_text(file, "{\"receivers\": 3");
    CHECK_THROWS_AS(read_notice_memory(file), Error);
}
