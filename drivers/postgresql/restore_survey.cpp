#include "postgresql/restore_survey.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <memory>

#include "postgresql/wal_names.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t block_bytes = 1u << 20;

/// Gathers what was met, and gives what will be replayed of it.
class Gathering {
public:
    explicit Gathering(const SurveyRequest& request) : request_{request} {}

    std::shared_ptr<WalWalker> walker_from(Lsn from) const {
        auto walker = std::make_shared<WalWalker>(from, request_.segment_bytes);
        if (request_.through_next && request_.until) walker->watch(*request_.until);
        return walker;
    }
    void take(WalEvents events) {
        std::ranges::move(events.tablespaces, std::back_inserter(tablespaces_));
        std::ranges::move(events.limits, std::back_inserter(limits_));
        if (events.watched != 0) last_ = std::min(last_.value_or(events.watched), events.watched);
    }
    LogSurvey result() const {
        LogSurvey survey;
        for (const auto& made : tablespaces_)
            if (is_replayed(made.begin)) survey.tablespaces.push_back(made);
        for (const auto& set : limits_) {
            if (!is_replayed(set.begin)) continue;
            for (const auto field : {&WalLimits::max_connections, &WalLimits::max_worker_processes, &WalLimits::max_wal_senders,
                                     &WalLimits::max_prepared_transactions, &WalLimits::max_locks_per_transaction})
                survey.limits.*field = std::max(survey.limits.*field, set.*field);
        }
        return survey;
    }

private:
    bool is_replayed(Lsn begin) const {
        if (begin < request_.start.at) return false;
        return !request_.until || begin < *request_.until || (last_ && begin <= *last_);
    }

    const SurveyRequest& request_;
    std::vector<WalTablespace> tablespaces_;
    std::vector<WalLimits> limits_;
    std::optional<Lsn> last_;
};

WalEvents walk_file(WalWalker& walker, const fs::path& path) {
    const auto file = LocalFile::open(path);
    Bytes block(block_bytes);
    for (std::uint64_t at = 0;;) {
        const auto got = file.read_at(at, block);
        if (got == 0) return walker.take();
        walker.feed(ByteView{block}.first(got));
        at += got;
    }
}

Task<> survey_staged(const RestorePlan& plan, const SurveyRequest& request, Gathering& gathering, Pools& pools) {
    std::shared_ptr<WalWalker> walker;
    std::uint32_t timeline = 0;
    for (const auto& name : request.staged) {
        const auto segment = find_wal_name(name, request.segment_bytes);
        if (!segment || segment->kind != WalFileName::Kind::segment) continue;
        // Each timeline has its own copy of the segment where it begins.
        if (!walker || segment->timeline != timeline || walker->position() != segment->from)
            walker = gathering.walker_from(segment->from);
        timeline = segment->timeline;
        auto walk = [walker, path = plan.staging() / name] { return walk_file(*walker, path); };
        gathering.take(co_await on_pool(pools.cpu, std::move(walk)));
    }
}

Task<> survey_archive(const SurveyRequest& request, Gathering& gathering, Pools& pools) {
    for (const auto& stretch : request.log->path()) {
        const auto from = std::max(stretch.from, page_start(request.stop.at));
        const auto to =
            request.until ? std::min<Lsn>(stretch.to, segment_end(*request.until, request.segment_bytes) + request.segment_bytes)
                          : stretch.to;
        if (from >= to) continue;
        const auto walker = gathering.walker_from(from);
        auto source = request.log->read(stretch.lineage.name, from, to);
        for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) {
            auto walk = [walker, bytes = std::move(block)] {
                walker->feed(bytes);
                return walker->take();
            };
            gathering.take(co_await on_pool(pools.cpu, std::move(walk)));
        }
    }
}

bool lies_in(const fs::path& path, const fs::path& directory) {
    const auto relative = path.lexically_normal().lexically_relative(directory);
    return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Task<LogSurvey> survey_log(const RestorePlan& plan, SurveyRequest request, Pools& pools) {
    Gathering gathering{request};
    co_await survey_staged(plan, request, gathering, pools);
    if (request.log != nullptr) co_await survey_archive(request, gathering, pools);
    co_return gathering.result();
}

void refuse_foreign_tablespaces(const RestorePlan& plan, const LogSurvey& survey) {
    for (const auto& made : survey.tablespaces) {
        const fs::path location = made.location;
        const auto ours = [&](const TablespacePlace& place) { return place.location == location; };
        if (!location.is_absolute() || lies_in(location, plan.to) || std::ranges::any_of(plan.tablespaces, ours)) continue;
        if (!fs::exists(fs::symlink_status(location))) continue;
        throw Error{Fault::refused, "the log on the way makes tablespace " + std::to_string(made.oid) + " at " +
                                        location.string() + ", which exists here: replay would write to it"}
            .with("lsn", to_text(made.begin))
            .hint("Choose a target before " + to_text(made.begin) +
                  ", take a backup after it and restore that with --tablespace, restore where the directory does not exist, or "
                  "take the source's place with --as-production. Nothing was written to the target.");
    }
}

Properties with_limits(Properties facts, const WalLimits& limits) {
    const auto raise = [&](const std::string& name, std::int32_t value) {
        auto& fact = facts["setting." + name];
        std::int32_t known = 0;
        std::from_chars(fact.data(), fact.data() + fact.size(), known);
        if (value > known) fact = std::to_string(value);
    };
    if (limits.max_connections == 0) return facts;  // nothing on the way changes them
    raise("max_connections", limits.max_connections);
    raise("max_worker_processes", limits.max_worker_processes);
    raise("max_wal_senders", limits.max_wal_senders);
    raise("max_prepared_transactions", limits.max_prepared_transactions);
    raise("max_locks_per_transaction", limits.max_locks_per_transaction);
    return facts;
}

}  // namespace varve::postgresql
