#include "service/rights.hpp"

#include <catch2/catch.hpp>

using namespace varve;

namespace {

const Authorities authorities{.service = 900, .admins = 70, .lookers = 71};

Peer peer(uid_t uid, gid_t gid = 5000, std::vector<gid_t> groups = {}) {
    return {.uid = uid, .gid = gid, .pid = 1, .groups = std::move(groups)};
}

}  // namespace

TEST_CASE("root, the service's user and group varve-admin act; group varve looks; nobody else does either") {
    struct Row {
        Peer peer;
        bool looks, acts;
    };
    const auto row = GENERATE(values<Row>({{peer(0), true, true},
                                           {peer(900), true, true},
                                           {peer(1000, 70), true, true},
                                           {peer(1000, 5000, {5, 70}), true, true},
                                           {peer(1000, 71), true, false},
                                           {peer(1000, 5000, {71}), true, false},
                                           {peer(1000), false, false}}));

    CHECK(may(row.peer, authorities, Right::look) == row.looks);
    CHECK(may(row.peer, authorities, Right::act) == row.acts);
}

TEST_CASE("a group that this host does not have gives nobody a right") {
    const Authorities none{.service = 900, .admins = {}, .lookers = {}};

    CHECK_FALSE(may(peer(1000, 0, {0}), none, Right::look));
}

TEST_CASE("a log file is handed over by the owner of the data directory, and only a file of its own") {
    CHECK(may_push(peer(26), authorities, 26, 26));
    CHECK_FALSE(may_push(peer(26), authorities, 26, 0));
    CHECK_FALSE(may_push(peer(1000), authorities, 26, 1000));
    CHECK_FALSE(may_push(peer(26), authorities, std::nullopt, 26));
    CHECK_FALSE(may_push(peer(1000, 71), authorities, 26, 1000));
    CHECK(may_push(peer(0), authorities, std::nullopt, 26));
    CHECK(may_push(peer(1000, 70), authorities, std::nullopt, 26));
}
