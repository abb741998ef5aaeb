#include "policy/backoff.hpp"

#include <catch2/catch.hpp>

using namespace varve;
using namespace std::chrono_literals;

TEST_CASE("pauses double from the first to the longest and start over after a success") {
    Backoff backoff{{.first = 1s, .longest = 10s}};
    CHECK(backoff.pause(0.5) == 0s);
    for (const auto expected : {1s, 2s, 4s, 8s, 10s, 10s}) {
        backoff.failed();
        CHECK(backoff.pause(1.0) == expected);
    }
    backoff.succeeded();
    CHECK(backoff.pause(1.0) == 0s);
}

TEST_CASE("chance moves a pause within its upper half") {
    Backoff backoff{{.first = 4s, .longest = 10s}};
    backoff.failed();
    CHECK(backoff.pause(0.0) == 2s);
    CHECK(backoff.pause(0.25) == 2500ms);
}

TEST_CASE("ten thousand failures pause as long as ten") {
    Backoff backoff;
    for (int i = 0; i < 10000; ++i) backoff.failed();
    CHECK(backoff.pause(1.0) == 30s);
}
