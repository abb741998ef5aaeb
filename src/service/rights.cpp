#include "service/rights.hpp"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

namespace varve {

namespace {

bool is_in(const Peer& peer, const std::optional<gid_t>& group) {
    return group && (peer.gid == *group || std::ranges::find(peer.groups, *group) != peer.groups.end());
}

std::optional<gid_t> find_group(const char* name) {
    std::vector<char> room(64U << 10);
    ::group entry{};
    ::group* found = nullptr;
    if (::getgrnam_r(name, &entry, room.data(), room.size(), &found) != 0 || found == nullptr) return std::nullopt;
    return entry.gr_gid;
}

}  // namespace

bool may(const Peer& peer, const Authorities& authorities, Right right) {
    if (peer.uid == 0 || peer.uid == authorities.service || is_in(peer, authorities.admins)) return true;
    return right == Right::look && is_in(peer, authorities.lookers);
}

bool may_push(const Peer& peer, const Authorities& authorities, std::optional<uid_t> data_owner, uid_t file_owner) {
    if (may(peer, authorities, Right::act)) return true;
    return data_owner && peer.uid == *data_owner && peer.uid == file_owner;
}

Authorities find_authorities() {
    return {.service = ::geteuid(), .admins = find_group("varve-admin"), .lookers = find_group("varve")};
}

}  // namespace varve
