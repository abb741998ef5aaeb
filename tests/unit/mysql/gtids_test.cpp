#include "mysql/gtids.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "mysql/tagged_gtid.hpp"
#include "varve/bytes.hpp"
#include "varve/error.hpp"

namespace varve::mysql {
namespace {

const std::string a = "3e11fa47-71ca-11e1-9e33-c80aa9429562", b = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

TEST_CASE("a MySQL set is read and written as the server does", "[mysql]") {
    const auto [text, expected] = GENERATE(table<std::string, std::string>({
        {"", ""},
        {a + ":1", a + ":1"},
        {a + ":1-5:7-9", a + ":1-5:7-9"},
        {a + ":1-5:6", a + ":1-6"},
        {a + ":1-3,\n" + b + ":5", a + ":1-3," + b + ":5"},
        {b + ":1, " + a + ":2", a + ":2," + b + ":1"},
        {a + ":1-3:tag:1-5:9", a + ":1-3:tag:1-5:9"},
        {a + ":tag:2", a + ":tag:2"},
        {"3E11FA47-71CA-11E1-9E33-C80AA9429562:3", a + ":3"},
    }));
    CHECK(GtidSet::parse(text).text() == expected);
}

TEST_CASE("what is no set of GTIDs is refused", "[mysql]") {
    const auto text = GENERATE(values<std::string>({"x", "3e11:1", a + ":0", a + ":1-x", a + ":1-2-3"}));
    CHECK_THROWS_AS(GtidSet::parse(text), Error);
}

TEST_CASE("sets of numbers behave like sets, whatever the order", "[mysql]") {
    const auto seed = Catch::rngSeed() + 3;
    CAPTURE(seed);
    std::mt19937 dice{seed};
    const auto source = GtidSet::parse(a + ":1").sources().begin()->first;
    for (int round = 0; round < 300; ++round) {
        GtidSet one, other;
        std::set<std::uint64_t> plain_one, plain_other;
        for (int i = 0; i < 12; ++i) {
            const std::uint64_t first = 1 + dice() % 40, last = first + dice() % 6;
            const bool into_one = dice() % 2 == 0;
            (into_one ? one : other).add(source, first, last);
            for (auto n = first; n <= last; ++n) (into_one ? plain_one : plain_other).insert(n);
        }
        const auto is_in = [](const std::set<std::uint64_t>& in) { return [&in](std::uint64_t n) { return in.contains(n); }; };
        REQUIRE(one.contains(other) == std::ranges::all_of(plain_other, is_in(plain_one)));
        REQUIRE(one.intersects(other) == std::ranges::any_of(plain_other, is_in(plain_one)));
        REQUIRE(GtidSet::parse(one.text()) == one);
        std::uint64_t counted = 0;
        for (const auto& [_, intervals] : one.sources())
            for (const auto& [first, last] : intervals) counted += last - first + 1;
        REQUIRE(counted == plain_one.size());
    }
}

TEST_CASE("a MariaDB state keeps of each domain which server wrote last", "[mysql]") {
    auto state = GtidState::parse("0-1-10,1-7-3");
    state.add({0, 2, 11});
    state.add({0, 1, 12});

    CHECK(state.text() == "0-2-11,0-1-12,1-7-3");
    CHECK(GtidState::parse(state.text()) == state);
    CHECK(state.find_last(0) == MariadbGtid{0, 1, 12});
    CHECK_FALSE(state.find_last(9));
    CHECK(state.knows(0, 2));
    CHECK_FALSE(state.knows(1, 2));
}

TEST_CASE("a MariaDB state continues one that it differs from by whole domains only", "[mysql]") {
    const auto before = GtidState::parse("0-1-10,1-7-3");
    CHECK(GtidState::parse("0-1-10,1-7-3").continues(before));
    CHECK(GtidState::parse("0-1-10").continues(before));
    CHECK_FALSE(GtidState::parse("0-1-11,1-7-3").continues(before));
    CHECK_FALSE(GtidState::parse("0-1-10,2-1-1").continues(before));
    CHECK_FALSE(GtidState::parse("0-2-9,0-1-10,1-7-3").continues(before));
}

TEST_CASE("a set in an event is read in both of its forms, and an unknown one is left alone", "[mysql]") {
    const auto uuid = from_hex("3e11fa4771ca11e19e33c80aa9429562");
    const auto number = [](Bytes& into, std::uint64_t value) {
        for (int i = 0; i < 8; ++i) into.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    Bytes plain;
    number(plain, 1);
    append(plain, uuid);
    number(plain, 1);
    number(plain, 1);
    number(plain, 6);
    CHECK(find_previous_gtids(plain)->text() == a + ":1-5");

    Bytes tagged;
    number(tagged, (1ULL << 56) | (2ULL << 8) | 1);
    append(tagged, uuid);
    tagged.push_back(0);
    number(tagged, 1);
    number(tagged, 1);
    number(tagged, 3);
    append(tagged, uuid);
    tagged.push_back(3 << 1);
    append(tagged, view_of("tag"));
    number(tagged, 1);
    number(tagged, 4);
    number(tagged, 5);
    CHECK(find_previous_gtids(tagged)->text() == a + ":1-2:tag:4");

    plain[7] = 9;
    CHECK_FALSE(find_previous_gtids(plain));
    tagged.pop_back();
    CHECK_FALSE(find_previous_gtids(tagged));
}

// As MySQL 9.7.4 wrote it, for the first transaction of the tag.
TEST_CASE("an event with a tag tells its transaction, its length and its commit time", "[mysql]") {
    const auto event = from_hex(
        "248e086b2a921c000052000000bf2100000000027600000002a503c103a84ea503490322c5030d02850204f103000000020404060a6d797461670804"
        "0a200c"
        "7fad02eb4a3361061051051283120ba7bad691");
    const auto head = find_transaction_head(parse_header(event), event);

    REQUIRE(head);
    REQUIRE(head->mysql);
    GtidSet set;
    set.add(*head->mysql);
    CHECK(set.text() == "e9f05427-e9d2-11f1-83a1-02fc00000001:mytag:1");
    CHECK(head->length == 340);
    REQUIRE(head->committed);
    CHECK(std::chrono::floor<std::chrono::seconds>(*head->committed).time_since_epoch().count() == parse_header(event).time);
    CHECK(has_right_checksum(event));
}

TEST_CASE("an event with a tag in a form that is not known is the head of a transaction, and tells nothing", "[mysql]") {
    auto event = from_hex("248e086b2a921c000018000000bf21000000007fffffff01");
    const auto head = find_transaction_head(parse_header(event), event);
    REQUIRE(head);
    CHECK_FALSE(head->mysql);
    CHECK(head->length == 0);
}

}  // namespace
}  // namespace varve::mysql
