#include "sqlite/capture.hpp"

#include <algorithm>
#include <array>

#include "sqlite/database.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

/// Nobody may have it open: then the one who closes it last takes the empty WAL away again.
bool wal_holds_something(const std::filesystem::path& database) {
    struct ::stat status{};
    return ::stat(wal_of(database).c_str(), &status) == 0 && status.st_size > 0;
}

SnapshotPoint point_of_file(const LocalFile& file, std::uint32_t page_size) {
    const auto bytes = static_cast<std::uint64_t>(file.status_now().st_size);
    return {.page_size = page_size,
            .pages = static_cast<std::uint32_t>((bytes + page_size - 1) / page_size),
            .salts = {},
            .frame = 0,
            .in_file = true};
}

}  // namespace

bool is_database(const LocalFile& file) { return find_database_header(file).has_value(); }

std::string_view owner_of_companion(std::string_view name) {
    for (const std::string_view suffix : {"-wal", "-shm", "-journal"})
        if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
    return {};
}

/// Closed in the reverse order: the files last, so that no lock is dropped.
struct Capture::State {
    explicit State(const std::filesystem::path& path) : file{open_database_file(path)} {}

    LocalFile file;
    std::optional<LocalFile> shm, wal;
    std::unique_ptr<Connection> reader;
    std::optional<Snapshot> snapshot;
};

Capture::Capture(const std::filesystem::path& path) : state_{std::make_unique<State>(path)} {
    auto& state = *state_;
    const auto header = find_database_header(state.file);
    if (!header) throw Error{Fault::overloaded, path.string() + " changed into something else"};
    state.reader = std::make_unique<Connection>(path, wal_holds_something(path) ? Access::follow : Access::visit);
    state.reader->begin_reading();
    if (!header->wal_mode) {
        state.snapshot.emplace(state.file, state.wal, point_of_file(state.file, header->page_size));
        return;
    }
    state.reader->end();
    const auto& real = state.file.path();
    state.shm = LocalFile::open(shm_of(real));
    state.reader->begin_reading();  // only now that no close in this process can drop its lock
    const auto index = settled_wal_index(*state.shm);
    if (wal_holds_something(real)) state.wal = LocalFile::open(wal_of(real));
    state.snapshot.emplace(state.file, state.wal, snapshot_point(state.file, header->page_size, index));
}

Capture::~Capture() = default;

std::uint64_t Capture::bytes() const noexcept {
    const auto& point = state_->snapshot->point();
    return std::uint64_t{point.pages} * point.page_size;
}

Bytes Capture::read(std::uint64_t offset, std::uint64_t bytes_max) const {
    Bytes block(std::min(bytes_max, bytes() - offset));
    state_->snapshot->read(static_cast<std::uint32_t>(offset / state_->snapshot->point().page_size) + 1, block);
    return block;
}

}  // namespace varve::sqlite
