#include "postgresql/wal_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "postgresql/wal_layout.hpp"
#include "postgresql/wal_names.hpp"
#include "postgresql/wal_records.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t read_bytes = 1u << 20;

// ------------------------------------------------------------------------------------------------------------- identifying

Error not_ours(const fs::path& path, const std::string& why) {
    return Error{Fault::invalid, path.filename().string() + " is no log of this source: " + why};
}

void check_header(const fs::path& path, ByteView header, const WalFileName& name, const ServerLog& server) {
    if (header.size() < wal::long_header_bytes || !wal::is_known_magic(wal::u16_at(header, 0)) ||
        (wal::u16_at(header, 2) & wal::has_long_header) == 0)
        throw not_ours(path, "it does not begin as a segment does");
    if (std::to_string(wal::u64_at(header, 24)) != server.system_identifier)
        throw not_ours(path, "it is of the system " + std::to_string(wal::u64_at(header, 24)));
    if (wal::u32_at(header, 32) != server.segment_bytes) throw not_ours(path, "its segments have another size");
    if (wal::u64_at(header, 8) != name.from) throw not_ours(path, "it holds the log from " + to_text(wal::u64_at(header, 8)));
}

/// The whole file through the walker, checked to be the segment of this name.
void walk_segment(const fs::path& path, const WalFileName& name, const ServerLog& server, WalWalker& walker) {
    const auto file = LocalFile::open(path);
    if (file.size() != server.segment_bytes) throw not_ours(path, "it has " + std::to_string(file.size()) + " bytes");
    Bytes block(read_bytes);
    for (std::uint64_t offset = 0; offset < file.size();) {
        const auto count = file.read_at(offset, block);
        if (count == 0) throw not_ours(path, "it became shorter while it was read");
        const auto bytes = ByteView{block}.first(count);
        if (offset == 0) check_header(path, bytes, name, server);
        walker.feed(bytes);
        offset += count;
    }
}

/// A walker at the beginning of the segment that knows the record which runs over from the one before, when that still lies
/// beside it. A commit whose record crosses the border is missed otherwise, and one that is longer than a segment.
WalWalker walker_before(const fs::path& path, const WalFileName& name, const ServerLog& server) {
    const auto fresh = [&] { return WalWalker{name.from, server.segment_bytes}; };
    if (name.from < 2 * server.segment_bytes) return fresh();  // the first segment has the number 1
    const WalFileName before{WalFileName::Kind::segment, name.timeline, name.from - server.segment_bytes, name.from};
    WalWalker walker{before.from, server.segment_bytes};
    try {
        walk_segment(path.parent_path() / segment_name(before.timeline, before.from, server.segment_bytes), before, server,
                     walker);
    } catch (const Error&) {
        return fresh();  // gone, or put to another use: the server keeps it only as long as it likes
    }
    walker.take();
    return walker;
}

LogFile read_segment(const fs::path& path, const WalFileName& name, const ServerLog& server) {
    if (name.timeline == server.history.timeline && name.to > server.flushed)
        throw not_ours(path, "the server has written its log only up to " + to_text(server.flushed));
    LogFile result;
    result.kind = LogFile::Kind::run;
    result.from = name.from;
    result.to = name.to;
    auto walker = walker_before(path, name, server);
    walk_segment(path, name, server, walker);
    const auto events = walker.take();
    for (const auto& transaction : events.transactions) result.moments.push_back({transaction.end, transaction.time});
    result.last_whole = events.last_whole;
    return result;
}

/// The lineage of `timeline` on the way to the server's present one.
Lineage lineage_on(const ServerLog& server, std::uint32_t timeline, const fs::path& path) {
    auto history = server.history;
    while (history.timeline != timeline && !history.lines.empty()) history = parent_of(history);
    if (history.timeline != timeline) throw not_ours(path, "the server's history has no timeline " + std::to_string(timeline));
    return make_lineage(server.system_identifier, history, server.segment_bytes);
}

LogFile identify(const fs::path& path, const ServerLog& server) {
    const auto name = find_wal_name(path.filename().string(), server.segment_bytes);
    if (!name) throw not_ours(path, "the server would not name it like this");
    if (name->kind == WalFileName::Kind::segment) {
        auto result = read_segment(path, *name, server);
        result.lineage = lineage_on(server, name->timeline, path);
        return result;
    }
    LogFile result;
    if (name->kind != WalFileName::Kind::history) return result;
    const auto content = read_file(path, read_bytes);
    result.kind = LogFile::Kind::history;
    const auto history = parse_history(name->timeline, std::string{text_of(content)});
    result.lineage = make_lineage(server.system_identifier, history, server.segment_bytes);
    return result;
}

// ---------------------------------------------------------------------------------------------------------------- fetching

/// A file that is there whole or not at all; removed unless it was finished.
class NewFile {
public:
    explicit NewFile(fs::path path) : path_{std::move(path)}, temporary_{path_.string() + ".varve-tmp"} {
        file_ = Descriptor{::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!file_) throw system_error(errno, "create", temporary_);
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        if (file_) ::unlink(temporary_.c_str());
    }

    void write_at(std::uint64_t offset, ByteView bytes) { write_all_at(file_.get(), offset, bytes, temporary_); }
    /// Zeros up to `size`; a hole reads as them.
    void finish(std::uint64_t size) {
        if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) throw system_error(errno, "extend", temporary_);
        if (::fsync(file_.get()) != 0) throw system_error(errno, "fsync", temporary_);
        if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw system_error(errno, "rename", temporary_);
        file_ = {};
        fsync_directory(path_.parent_path());
    }

private:
    fs::path path_, temporary_;
    Descriptor file_;
};

std::uint64_t segment_bytes_of(const Lineage& lineage) {
    const auto found = lineage.facts.find("segment_bytes");
    const auto bytes = found == lineage.facts.end() ? 0 : std::strtoull(found->second.c_str(), nullptr, 10);
    if (!is_segment_size(bytes)) throw Error{Fault::corrupt, "a lineage does not say the size of its segments"};
    return bytes;
}

/// The history of `timeline`: the path's own, else any that the archive knows, the youngest first.
const std::string* find_history(const LogSource& log, std::uint32_t timeline) {
    const auto history = [timeline](const Lineage& lineage) -> const std::string* {
        const auto found = lineage.facts.find("history");
        if (found == lineage.facts.end() || found->second.empty() || timeline_of(lineage) != timeline) return nullptr;
        return &found->second;
    };
    for (const auto& stretch : log.path())
        if (const auto* text = history(stretch.lineage)) return text;
    const std::string* newest = nullptr;
    for (const auto& lineage : log.lineages())
        if (const auto* text = history(lineage)) newest = text;
    return newest;
}

Task<bool> fetch_history(std::uint32_t timeline, fs::path to, const LogSource& log, Pools& pools) {
    const auto* text = find_history(log, timeline);
    if (!text) co_return false;
    co_await on_pool(pools.blocking, [to, content = *text] {
        NewFile file{to};
        file.write_at(0, view_of(content));
        file.finish(content.size());
    });
    co_return true;
}

Task<> copy_stretch(const LineageStretch& stretch, const WalFileName& name, NewFile& file, LogSource& log, Pools& pools) {
    // From the segment's beginning, even where the path begins in its middle: the server checks the header first.
    const auto from = std::max<Lsn>(name.from, stretch.lineage.begins_at);
    const auto to = std::min<Lsn>(name.to, stretch.to);
    auto source = log.read(stretch.lineage.name, from, to);
    auto offset = from - name.from;
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) {
        const auto size = block.size();
        co_await on_pool(pools.blocking, [&file, offset, bytes = std::move(block)] { file.write_at(offset, bytes); });
        offset += size;
    }
    if (offset != to - name.from)
        throw Error{Fault::missing, "the archive has the log of timeline " + std::to_string(name.timeline) + " only up to " +
                                        to_text(name.from + offset)};
}

}  // namespace

Task<LogFile> identify_wal_file(fs::path path, ServerLog server, Pools& pools) {
    co_return co_await on_pool(pools.blocking, [path, server] { return identify(path, server); });
}

Task<bool> fetch_wal_file(std::string name, fs::path to, LogSource& log, Pools& pools) {
    if (log.path().empty()) co_return false;
    const auto found = find_wal_name(name, segment_bytes_of(log.path().front().lineage));
    if (!found) co_return false;
    if (found->kind == WalFileName::Kind::history) co_return co_await fetch_history(found->timeline, std::move(to), log, pools);
    if (found->kind != WalFileName::Kind::segment) co_return false;
    const auto stretch = std::ranges::find_if(log.path(), [&](const LineageStretch& each) {
        return timeline_of(each.lineage) == found->timeline && each.from < found->to && each.to > found->from;
    });
    if (stretch == log.path().end()) co_return false;
    NewFile file{to};
    co_await copy_stretch(*stretch, *found, file, log, pools);
    co_await on_pool(pools.blocking, [&file, size = found->to - found->from] { file.finish(size); });
    co_return true;
}

}  // namespace varve::postgresql
