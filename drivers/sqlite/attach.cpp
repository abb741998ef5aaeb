#include "sqlite/attach.hpp"

#include <array>
#include <random>

#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr int snapshot_tries = 5;

LineageName fresh_lineage() {
    std::random_device random;
    std::array<std::uint8_t, 8> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return LineageName{"g" + to_hex(bytes)};
}

bool same_file(const SavedState& saved, const FollowedDatabase& database) {
    const auto& status = database.file().status();
    return saved.device == status.st_dev && saved.inode == status.st_ino;
}

/// The WAL is the one that was read, and holds what was read of it.
bool continues(const SavedState& saved, const FollowedDatabase& database, const WalIndex& index) {
    const auto& tail = saved.tail;
    if (!same_file(saved, database) || tail.pages.page_size() != database.page_size()) return false;
    if (!tail.has_wal || index.salts != tail.salts || index.last_frame < tail.frame) return false;
    const auto wal = database.open_wal();
    if (!wal) return false;
    Bytes bytes(tail.frame == 0 ? wal_header_bytes : frame_header_bytes);
    if (wal->read_at(tail.frame == 0 ? 0 : frame_offset(tail.frame, database.page_size()), bytes) < bytes.size()) return false;
    if (tail.frame == 0) {
        const auto header = parse_wal_header(bytes);
        return header && header->salts == tail.salts && header->checksum == tail.checksum;
    }
    const auto header = parse_frame_header(bytes);
    return header.salts == tail.salts && header.checksum == tail.checksum;
}

/// The database as it is, at the newest commit.
TailState state_now(const FollowedDatabase& database) {
    for (int tries = 1;; ++tries) {
        try {
            const auto index = database.index();
            const auto wal = database.open_wal();
            const Snapshot snapshot{database.file(), wal, database.point(index)};
            TailState state;
            state.has_wal = index.last_frame > 0;
            state.salts = index.salts;
            state.frame = index.last_frame;
            state.checksum = index.checksum;
            state.pages = snapshot.hashes();
            return state;
        } catch (const Error& error) {
            if (error.fault() != Fault::overloaded || tries == snapshot_tries) throw;
        }
    }
}

bool same_pages(const TailState& a, const TailState& b) {
    return a.pages.page_size() == b.pages.page_size() && a.pages.all() == b.pages.all();
}

/// The log goes on, though in another WAL or file: the database is what it was.
TailState carried(const TailState& saved, TailState now) {
    now.lineage = saved.lineage;
    now.position = saved.position;
    now.number = saved.number;
    return now;
}

/// On from what was kept: the WAL is read again from there.
Attached resumed(std::shared_ptr<FollowedDatabase> database, TailState state, const SavedStates& saved, const WalIndex& index) {
    Attached attached;
    attached.marks = saved.find_marks(state.lineage, state.position);
    attached.committed = index.last_frame;
    attached.state = std::move(state);
    attached.database = std::move(database);
    return attached;
}

/// At the newest commit, which is kept as the place to go on from.
Attached settled(std::shared_ptr<FollowedDatabase> database, TailState now, const SavedStates& saved) {
    saved.keep_generation(saved_state(now, *database));
    Attached attached;
    attached.committed = now.frame;
    attached.state = std::move(now);
    attached.database = std::move(database);
    return attached;
}

Attached anew(std::shared_ptr<FollowedDatabase> database, TailState now, const SavedStates& saved) {
    now.lineage = fresh_lineage();
    return settled(std::move(database), std::move(now), saved);
}

/// On from one of `known`, else anew.
Attached attach_to_any(const std::filesystem::path& path, const SavedStates& saved, const std::vector<SavedState>& known) {
    auto database = std::make_shared<FollowedDatabase>(path);
    const auto index = database->index();
    const auto boot = boot_id();
    for (const auto& candidate : known)
        if (candidate.boot == boot && continues(candidate, *database, index))
            return resumed(std::move(database), candidate.tail, saved, index);
    auto now = state_now(*database);
    for (const auto& candidate : known)
        if (same_pages(candidate.tail, now)) return settled(std::move(database), carried(candidate.tail, std::move(now)), saved);
    return anew(std::move(database), std::move(now), saved);
}

}  // namespace

SavedState saved_state(const TailState& tail, const FollowedDatabase& database) {
    const auto& status = database.file().status();
    return {.tail = tail, .device = status.st_dev, .inode = status.st_ino, .boot = boot_id()};
}

Attached attach_at(const std::filesystem::path& path, const SavedStates& saved, const LogPosition& from) {
    auto database = std::make_shared<FollowedDatabase>(path);
    const auto index = database->index();
    const auto boot = boot_id();
    std::optional<TailState> exact;
    for (const auto& candidate : saved.find()) {
        const auto& tail = candidate.tail;
        if (tail.lineage != from.lineage || tail.position > from.at) continue;
        if (tail.position == from.at) exact = tail;
        // After a power cut the WAL may have lost, and replaced, what was read between the two.
        if (tail.position != from.at && candidate.boot != boot) continue;
        if (continues(candidate, *database, index)) return resumed(std::move(database), tail, saved, index);
        // The WAL was set back: an older state of it would be found, and another history behind it.
        if (tail.has_wal && tail.salts == index.salts) break;
    }
    if (exact) {
        auto now = state_now(*database);
        if (same_pages(*exact, now)) return settled(std::move(database), carried(*exact, std::move(now)), saved);
    }
    throw Error{Fault::missing,
                path.string() + " was written to while nobody followed it, and its WAL does not tell all of that"};
}

Attached attach_anywhere(const std::filesystem::path& path, const SavedStates& saved) {
    return attach_to_any(path, saved, saved.find());
}

Attached attach_anew(const std::filesystem::path& path, const SavedStates& saved) {
    auto unbegun = saved.find();
    std::erase_if(unbegun, [](const SavedState& state) { return state.tail.position != first_position; });
    return attach_to_any(path, saved, unbegun);
}

}  // namespace varve::sqlite
