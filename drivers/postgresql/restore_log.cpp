#include "postgresql/restore_log.hpp"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "postgresql/lineage.hpp"
#include "postgresql/wal_files.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr unsigned files_at_once = 4;

const LineageStretch* find_stretch(const LineagePath& path, const LineageName& lineage) {
    const auto found = std::ranges::find_if(path, [&](const auto& stretch) { return stretch.lineage.name == lineage; });
    return found == path.end() ? nullptr : &*found;
}

void overwrite(const fs::path& path, std::uint64_t offset, const Bytes& bytes) {
    const Descriptor file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!file) throw system_error(errno, "open", path);
    write_all_at(file.get(), offset, bytes, path);
}

std::set<std::string> history_files(const LogSource& log) {
    std::set<std::string> names;
    for (const auto& lineage : log.lineages())
        if (const auto history = lineage.facts.find("history"); history != lineage.facts.end() && !history->second.empty())
            names.insert(history_name(timeline_of(lineage)));
    return names;
}

}  // namespace

std::vector<std::string> segments_along(const LineagePath& path, Lsn after, std::optional<Lsn> until,
                                        std::uint64_t segment_bytes) {
    std::vector<std::string> names;
    const auto first_missing = segment_end(after, segment_bytes);
    for (const auto& stretch : path) {
        // A timeline begins with its own copy of the segment that holds the switch.
        const bool first = &stretch == &path.front();
        auto at = first ? std::max(first_missing, segment_start(stretch.from, segment_bytes))
                        : segment_start(stretch.from, segment_bytes);
        for (; at < stretch.to; at += segment_bytes) {
            if (until && at > segment_end(*until, segment_bytes)) return names;
            names.push_back(segment_name(timeline_of(stretch.lineage), at, segment_bytes));
        }
    }
    return names;
}

Task<> continue_last_segment(const RestorePlan& plan, LogPosition stop, LogSource& log, std::uint64_t segment_bytes,
                             Pools& pools) {
    const auto* stretch = find_stretch(log.path(), stop.lineage);
    const auto begin = segment_start(stop.at, segment_bytes);
    // Log that begins after the stop goes on where the backup's own ends.
    if (stretch == nullptr || stretch->from > stop.at || stretch->to <= stop.at || stop.at == begin) co_return;
    const auto place = plan.staging() / segment_name(timeline_of(stretch->lineage), stop.at, segment_bytes);
    const auto to = std::min<Lsn>(stretch->to, begin + segment_bytes);
    auto source = log.read(stop.lineage, stop.at, to);
    auto offset = stop.at - begin;
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) {
        const auto size = block.size();
        co_await on_pool(pools.blocking, [place, offset, bytes = std::move(block)] { overwrite(place, offset, bytes); });
        offset += size;
    }
}

std::vector<std::string> segments_to_stage(const LogSource& log, LogPosition stop, std::optional<Lsn> until,
                                           std::uint64_t segment_bytes) {
    // At the very border of a segment the backup has nothing of the next one.
    const auto after = stop.at % segment_bytes == 0 ? stop.at - 1 : stop.at;
    return segments_along(log.path(), after, until, segment_bytes);
}

Task<> stage_log(const RestorePlan& plan, std::vector<std::string> segments, LogSource& log, Pools& pools) {
    auto names = std::move(segments);
    for (const auto& name : history_files(log)) names.push_back(name);
    auto fetch = [&](std::string& name) -> Task<> {
        const auto found = co_await fetch_wal_file(name, plan.staging() / name, log, pools);
        if (!found) throw Error{Fault::missing, "the archive does not have the log file " + name + " of its own path"};
    };
    co_await for_each_limited(files_at_once, names, fetch);
}

}  // namespace varve::postgresql
