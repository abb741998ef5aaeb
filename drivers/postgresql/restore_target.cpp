#include "postgresql/restore_target.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "postgresql/lineage.hpp"
#include "postgresql/wal_records.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {
namespace {

/// Moments are asked for in stretches of log that grow up to this, so that an early answer ends the search early.
constexpr std::uint64_t window_bytes_max = 256u << 20;

Error not_recoverable(std::string sentence) {
    return Error{Fault::missing, std::move(sentence)}.code("point_not_recoverable", 22);
}

class Resolver {
public:
    Resolver(Target target, const BackupFacts& base, LogSource* log) : target_{std::move(target)}, base_{base}, log_{log} {
        if (!base_.stop) throw Error{Fault::corrupt, "the backup does not tell where it is consistent"};
        if (log_ != nullptr && log_->path().empty()) log_ = nullptr;
    }

    Task<ResolvedTarget> run() {
        if (target_.kind == Target::Kind::immediate || (log_ == nullptr && target_.kind == Target::Kind::latest))
            co_return consistent();
        if (log_ == nullptr)
            throw not_recoverable("without archived log only the end of the backup can be had")
                .hint("Restore the backup itself: --immediate");
        switch (target_.kind) {
            case Target::Kind::latest:
                co_return co_await end_of_log("to the end of the archived log");
            case Target::Kind::time:
                co_return co_await at_time();
            case Target::Kind::lsn:
                co_return co_await at_position();
            case Target::Kind::xid:
                co_return co_await at_transaction();
            case Target::Kind::name:
            case Target::Kind::mark:
                co_return co_await at_restore_point();
            default:
                throw Error{Fault::invalid, "PostgreSQL has no target of this kind: " + target_.text}.hint(
                    "Use --at, --lsn, --xid, --name, --immediate or --latest.");
        }
    }

private:
    ResolvedTarget consistent() const {
        ResolvedTarget resolved;
        resolved.target.kind = Target::Kind::immediate;
        resolved.position = base_.stop;
        resolved.explanation = "to the end of the backup, " + to_text(base_.stop->at) + ", as soon as it is consistent";
        return resolved;
    }

    Lsn tip() const { return log_->path().back().to; }
    LogPosition on_path(Lsn at) const {
        for (const auto& stretch : log_->path())
            if (at <= stretch.to) return position_in(stretch.lineage, at);
        return position_in(log_->path().back().lineage, at);
    }
    std::string window() const {
        return "The log on the way goes from " + to_text(base_.stop->at) + " to " + to_text(tip()) + ".";
    }

    /// Stopping after the last whole record makes the server say so when a record before it is missing.
    Task<ResolvedTarget> end_of_log(std::string why) {
        const auto last = co_await log_->last_whole();
        ResolvedTarget resolved;
        resolved.position = on_path(tip());
        if (last >= base_.stop->at) {
            resolved.target.kind = Target::Kind::lsn;
            resolved.target.text = to_text(last);
            resolved.explanation = why + ": through the record at " + to_text(last);
        } else {
            resolved.explanation = why + ", " + to_text(tip());
        }
        co_return resolved;
    }

    Task<ResolvedTarget> at_time() {
        if (!target_.time) throw Error{Fault::invalid, "a target time without a time"};
        const auto time = *target_.time;
        if (time < base_.stop_time)
            throw not_recoverable("the backup became consistent at " + to_rfc3339(base_.stop_time) + ", after " +
                                  to_rfc3339(time))
                .with("nearest_after", to_rfc3339(base_.stop_time))
                .hint("The nearest that can be had from this backup: --at " + to_rfc3339(base_.stop_time) + ".");
        const auto beyond = co_await find_first_beyond(time);
        if (!beyond) co_return co_await end_of_log("no transaction ended after " + to_rfc3339(time) + " in the archived log");
        ResolvedTarget resolved;
        resolved.target = target_;
        resolved.position = on_path(beyond->at);
        resolved.explanation =
            "stops before the transaction that ended at " + to_rfc3339(beyond->time) + ", " + to_text(beyond->at);
        co_return resolved;
    }

    /// The first end of a transaction, in the order of the log, that the target excludes: there the server stops.
    Task<std::optional<Moment>> find_first_beyond(Instant time) {
        auto window = segment_bytes(), window_max = window_bytes_max;
        for (const auto& stretch : log_->path()) {
            auto from = std::max(stretch.from, base_.stop->at);
            while (from < stretch.to) {
                const auto to = std::min(stretch.to, from + window);
                std::vector<Moment> moments;
                try {
                    moments = co_await log_->moments(stretch.lineage.name, from, to);
                } catch (const Error& error) {
                    // Damage behind the answer does not matter: look again in small steps.
                    if (error.fault() != Fault::corrupt || window == segment_bytes()) throw;
                    window = window_max = segment_bytes();
                    continue;
                }
                for (const auto& moment : moments)
                    if (moment.at > base_.stop->at && (target_.inclusive ? moment.time > time : moment.time >= time))
                        co_return moment;
                from = to;
                window = std::min(window * 2, std::max(window_max, window));
            }
        }
        co_return std::nullopt;
    }

    std::uint64_t segment_bytes() const { return std::stoull(base_.facts.at("wal_segment_size")); }

    Task<ResolvedTarget> at_position() {
        const auto lsn = parse_lsn(target_.text);
        if (lsn < base_.stop->at)
            throw not_recoverable("the backup is consistent from " + to_text(base_.stop->at) + " on, after " + to_text(lsn))
                .with("nearest_after", to_text(base_.stop->at))
                .hint("The nearest that can be had from this backup: --lsn " + to_text(base_.stop->at) + ".");
        if (lsn >= tip())
            throw not_recoverable("the archived log ends at " + to_text(tip()) + ", before " + to_text(lsn))
                .with("nearest_before", to_text(tip() - 1))
                .hint("The nearest that can be had: --latest.");
        // Only behind the last record of all is there none to stop at: what lies further back needs no look at the end.
        if (lsn >= segment_start(tip() - 1, segment_bytes()) && lsn > co_await last_record())
            co_return co_await end_of_log("no record begins at or after " + to_text(lsn) + " in the archived log");
        ResolvedTarget resolved;
        resolved.target = target_;
        resolved.target.text = to_text(lsn);
        resolved.position = on_path(lsn);
        resolved.explanation =
            std::string{"stops "} + (target_.inclusive ? "after" : "before") + " the first record at or after " + to_text(lsn);
        co_return resolved;
    }

    /// Start of the last whole record on the way; the largest number when there is none that is known.
    Task<Lsn> last_record() {
        auto last = co_await log_->last_whole();
        if (last != 0) co_return last;
        // The last lineage has none of its own yet: the last one of its parent counts.
        auto look = [&last](const WalEvents& events) {
            last = std::max(last, events.last_whole);
            return false;
        };
        const auto before_end = segment_start(tip() - 1, segment_bytes());
        co_await walk(look, before_end - std::min(before_end, segment_bytes()));
        co_return last != 0 ? last : UINT64_MAX;
    }

    Task<ResolvedTarget> at_transaction() {
        std::uint32_t xid = 0;
        const auto& text = target_.text;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), xid);
        if (failure != std::errc{} || end != text.data() + text.size() || xid < 3)
            throw Error{Fault::invalid, "not a transaction number: " + text};
        std::optional<WalTransaction> found;
        auto look = [&](const WalEvents& events) {
            for (const auto& transaction : events.transactions)
                if (!found && transaction.xid == xid && transaction.end > base_.stop->at) found = transaction;
            return found.has_value();
        };
        co_await walk(look);
        if (!found) throw not_recoverable("transaction " + text + " does not end in the archived log on the way").hint(window());
        ResolvedTarget resolved;
        resolved.target = target_;
        resolved.position = on_path(found->end);
        resolved.explanation = "transaction " + text + (found->committed ? " committed" : " was rolled back") + " at " +
                               to_rfc3339(found->time) + ", " + to_text(found->end);
        co_return resolved;
    }

    Task<ResolvedTarget> at_restore_point() {
        std::optional<WalRestorePoint> found;
        auto look = [&](const WalEvents& events) {
            for (const auto& point : events.restore_points)
                if (!found && point.name == target_.text && point.end > base_.stop->at) found = point;
            return found.has_value();
        };
        co_await walk(look);
        if (!found)
            throw not_recoverable("no restore point '" + target_.text + "' lies in the archived log on the way").hint(window());
        ResolvedTarget resolved;
        resolved.target = target_;
        resolved.target.kind = Target::Kind::name;
        resolved.position = on_path(found->end);
        resolved.explanation = "restore point '" + target_.text + "' of " + to_rfc3339(found->time) + ", " + to_text(found->end);
        co_return resolved;
    }

    /// Walks the records from the backup's end on, or from the page of `after`, until `enough` says so.
    template <class Enough>
    Task<> walk(Enough& enough, Lsn after = 0) {
        for (const auto& stretch : log_->path()) {
            const auto from = std::max({stretch.from, page_start(base_.stop->at), page_start(after)});
            if (from >= stretch.to) continue;
            WalWalker walker{from, segment_bytes()};
            auto source = log_->read(stretch.lineage.name, from, stretch.to);
            for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) {
                walker.feed(block);
                if (enough(walker.take())) co_return;
            }
        }
    }

    Target target_;
    const BackupFacts& base_;
    LogSource* log_;
};

}  // namespace

Task<ResolvedTarget> resolve_target(Target target, const BackupFacts& base, LogSource* log) {
    Resolver resolver{std::move(target), base, log};
    co_return co_await resolver.run();
}

}  // namespace varve::postgresql
