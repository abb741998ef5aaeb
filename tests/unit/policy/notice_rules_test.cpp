#include "policy/notice_rules.hpp"

#include <catch2/catch.hpp>

#include "policy/notice_template.hpp"
#include "policy/notice_url.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

/// One receiver that takes every notice, second by second.
struct Receiver {
    NoticeState state;
    NoticeWishes wishes;
    Instant now = from_rfc3339("2026-11-23T02:00:00Z");
    std::vector<std::string> heard;

    void pass(Health health, std::chrono::seconds span) {
        for (auto left = span; left.count() > 0; left -= 1s) {
            now += 1s;
            const auto due = observe(state, health, now, wishes);
            if (!due) continue;
            heard.push_back(std::string{name_of(due->event)} + (due->reminder ? " again" : ""));
            told(state, *due, now);
        }
    }
};

using Heard = std::vector<std::string>;

}  // namespace

TEST_CASE("a failure is told once when it lasts, and once again when it is over") {
    Receiver receiver;

    receiver.pass(Health::good, 1h);
    receiver.pass(Health::failed, 1h);
    receiver.pass(Health::good, 1h);

    CHECK(receiver.heard == Heard{"failure", "recovery"});
}

TEST_CASE("what passes by itself is no news, and neither is a short recovery") {
    Receiver receiver;

    receiver.pass(Health::failed, 5s);
    receiver.pass(Health::good, 60s);
    receiver.pass(Health::failed, 60s);
    for (int i = 0; i < 20; ++i) {
        receiver.pass(Health::good, 10s);
        receiver.pass(Health::failed, 60s);
    }

    CHECK(receiver.heard == Heard{"failure"});
}

TEST_CASE("a source that stays red is told again each day") {
    Receiver receiver;

    receiver.pass(Health::failed, std::chrono::days{2} + 1min);

    CHECK(receiver.heard == Heard{"failure", "failure again", "failure again"});
}

TEST_CASE("a warning is told when it lasts, and the failure that it becomes; the way back over it is no recovery") {
    Receiver receiver;

    receiver.pass(Health::stale, 1min);
    receiver.pass(Health::good, 10min);
    receiver.pass(Health::stale, 10min);
    receiver.pass(Health::failed, 10min);
    receiver.pass(Health::stale, std::chrono::days{2});
    receiver.pass(Health::good, 10min);

    CHECK(receiver.heard == Heard{"stale", "failure", "recovery"});
}

TEST_CASE("what is unknown is a failure only when it stays so") {
    Receiver receiver;

    receiver.pass(Health::unknown, 60s);
    CHECK(receiver.heard.empty());
    receiver.pass(Health::unknown, 61s);
    CHECK(receiver.heard == Heard{"failure"});
}

TEST_CASE("a receiver hears what it wished for, and no recovery of what it was not told") {
    Receiver receiver;
    receiver.wishes = {.failure = true, .stale = false, .recovery = true};

    receiver.pass(Health::stale, 1h);
    receiver.pass(Health::good, 1h);
    CHECK(receiver.heard.empty());

    receiver.wishes.recovery = false;
    receiver.pass(Health::failed, 1min);
    receiver.pass(Health::good, 1min);
    receiver.pass(Health::failed, 1min);
    CHECK(receiver.heard == Heard{"failure", "failure"});
}

TEST_CASE("a notice that nobody took stays due, and is forgotten when it is no longer true") {
    Receiver receiver;
    const auto see = [&](Health health) { return observe(receiver.state, health, receiver.now += 11s, receiver.wishes); };
    (void)see(Health::failed);

    CHECK(see(Health::failed));
    CHECK(see(Health::failed));
    (void)see(Health::good);
    receiver.now += 1h;
    CHECK_FALSE(see(Health::good));
}

TEST_CASE("a clock that is set back makes nothing be told twice") {
    Receiver receiver;
    receiver.pass(Health::failed, 1min);
    receiver.now -= std::chrono::days{3};
    receiver.pass(Health::failed, 1h);

    CHECK(receiver.heard == Heard{"failure"});
}

TEST_CASE("a URL tells where a notice goes, and what needs leave to go without TLS") {
    using Kind = NoticeUrl::Kind;
    CHECK(parse_notice_url("https://hooks.example/a/b?c").host == "hooks.example");
    CHECK(parse_notice_url("https://hooks.example/a").kind == Kind::webhook);
    CHECK_FALSE(parse_notice_url("https://hooks.example/a").plain);
    CHECK(parse_notice_url("http://hooks.example/a").plain);
    CHECK_FALSE(parse_notice_url("http://127.0.0.1:8080/a").plain);
    CHECK(parse_notice_url("http://127.0.0.1.evil.example/").plain);
    CHECK(parse_notice_url("smtp://varve@mail.example:587").user == "varve");
    CHECK(parse_notice_url("smtp://mail.example").kind == Kind::mail);
    CHECK(parse_notice_url("smtp://localhost").local);
    CHECK(parse_notice_url("exec:/usr/local/bin/page").path == "/usr/local/bin/page");
    CHECK(parse_notice_url("credential:hook").kind == Kind::reference);
}

TEST_CASE("what is no URL is refused without being repeated") {
    const std::string url =
        GENERATE(values<std::string>({"", "hunter2", "ftp://hunter2", "https://", "exec:hunter2", "https://host/hun ter2",
                                      "smtp://host/hunter2", "https://a b/hunter2"}));
    CAPTURE(url);

    try {
        (void)parse_notice_url(url);
        FAIL("taken");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::invalid);
        CHECK(std::string{error.what()}.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("a template is filled in, and inside of JSON what is filled in cannot end the text") {
    const NoticeWords words{{"source", "pg/main"}, {"reason", "it said \"no\"\n"}};

    CHECK(fill_notice_template("{source}: {reason} {} { x }", words) == "pg/main: it said \"no\"\n {} { x }");
    CHECK(fill_notice_template(R"({"a": "{reason}", "b": {"c": "{source}"}})", words) ==
          R"({"a": "it said \"no\"\u000a", "b": {"c": "pg/main"}})");
    CHECK_NOTHROW(check_notice_template(R"({"a": "{title}"})"));
    CHECK_THROWS_AS(check_notice_template("{sauce}"), Error);
}
