#include "mysql/restore_target.hpp"

#include <algorithm>

#include "mysql/skip_preview.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

Error not_recoverable(std::string sentence) {
    return Error{Fault::missing, std::move(sentence)}.code("point_not_recoverable", 22);
}

/// As one writes it: `3E11FA47-…:23` and `3e11fa47-…:23` are one.
std::string same_form(const std::string& gtid) {
    if (gtid.find(':') == std::string::npos) return gtid;
    return GtidSet::parse(gtid).text();
}

class Resolver {
public:
    Resolver(Target target, const BackupFacts& base, LogSource* log, const SourceSettings& settings, DriverServices& services)
        : target_{std::move(target)}, base_{base}, log_{log}, settings_{settings}, services_{services} {
        if (log_ != nullptr && log_->path().empty()) log_ = nullptr;
    }

    Task<ResolvedTarget> run() {
        if (target_.kind == Target::Kind::immediate) co_return at_base("the server as the backup holds it");
        const bool any = target_.kind == Target::Kind::latest || target_.kind == Target::Kind::time;
        if (log_ == nullptr && any && target_.without.empty()) co_return at_base("the server as the backup holds it");
        if (log_ == nullptr)
            throw not_recoverable("without archived log only the backup itself can be had").hint("Restore it with: --immediate");
        require_one_lineage();
        require_file_begin();
        switch (target_.kind) {
            case Target::Kind::latest:
                co_return co_await at_the_end();
            case Target::Kind::time:
                co_return co_await at_time();
            case Target::Kind::gtid:
                co_return co_await at_gtid();
            case Target::Kind::position:
                co_return co_await at_position();
            default:
                throw Error{Fault::invalid, "MySQL and MariaDB have no target of this kind: " + target_.text}.hint(
                    "Use --at, --gtid, --before-gtid, --position, --latest or --immediate.");
        }
    }

private:
    ResolvedTarget at_base(const std::string& why) const {
        return {.target = target_, .position = base_.stop, .explanation = why + (base_.stop ? ", at " + base_.stop->text : "")};
    }

    const LineageStretch& stretch() const { return log_->path().back(); }

    void require_one_lineage() const {
        if (base_.stop && log_->path().size() == 1 && stretch().lineage.name == base_.stop->lineage) return;
        throw Error{Fault::corrupt, "the log on the way is not of the backup's lineage"};
    }

    /// A file is rebuilt from its first byte on.
    void require_file_begin() const {
        if (stretch().from + coordinates_of(base_).position <= base_.stop->at) return;
        throw not_recoverable("the archive does not have the begin of " + coordinates_of(base_).file +
                              ", in which the backup stands")
            .hint("Only the backup itself can be had: --immediate.");
    }

    ResolvedTarget at(std::uint64_t at, std::string text, std::string why) const {
        if (at <= base_.stop->at) return at_base(why);
        return {
            .target = target_, .position = LogPosition{base_.stop->lineage, at, std::move(text)}, .explanation = std::move(why)};
    }

    Task<std::vector<Moment>> moments() const { return log_->moments(stretch().lineage.name, base_.stop->at, stretch().to); }

    /// The places of the log have names only in its files: they are told when those are read.
    Task<ResolvedTarget> at_the_end() {
        if (!target_.without.empty()) co_return co_await without_one();
        const auto all = co_await moments();
        if (all.empty()) co_return at_base("no transaction is archived behind the backup");
        co_return at(all.back().at, {}, "through the last archived transaction, of " + to_rfc3339(all.back().time));
    }

    Task<ResolvedTarget> at_time() {
        if (!target_.time) throw Error{Fault::invalid, "a target time without a time"};
        const auto time = *target_.time;
        if (time < base_.stop_time)
            throw not_recoverable("the backup is of " + to_rfc3339(base_.stop_time) + ", after " + to_rfc3339(time))
                .with("nearest_after", to_rfc3339(base_.stop_time))
                .hint("The nearest that can be had from this backup: --at " + to_rfc3339(base_.stop_time) + ".");
        const auto all = co_await moments();
        // In the order of the log: a clock that was set back does not make a later transaction an earlier one.
        const auto beyond = std::ranges::find_if(
            all, [&](const Moment& moment) { return target_.inclusive ? moment.time > time : moment.time >= time; });
        const auto why = "as it was at " + to_rfc3339(time);
        if (beyond == all.begin()) co_return at_base(why + ", before the first archived transaction behind the backup");
        const auto& last = *std::prev(beyond);
        auto told = why + ": through the transaction that was committed at " + to_rfc3339(last.time);
        if (std::any_of(beyond, all.end(), [&](const Moment& moment) { return moment.time <= time; }))
            told += "; the server's clock was set back later, and what it then stamped with an earlier time is left out";
        co_return at(last.at, {}, std::move(told));
    }

    Task<ResolvedTarget> at_gtid() {
        const auto wanted = same_form(target_.text);
        // With one domain, the last transaction that the backup has is also the last before the log behind it.
        if (target_.inclusive && wanted == coordinates_of(base_).gtid) co_return at_base("through the transaction " + wanted);
        std::optional<WalkedTransaction> found;
        std::string first, last;
        co_await walk_log(*log_, base_, stretch().to, [&](const WalkedTransaction& one) {
            const auto gtid = one.gtid();
            if (gtid == wanted) found = one;
            if (first.empty()) first = gtid;
            if (!gtid.empty()) last = gtid;
        });
        if (!found) throw beyond_reach("the transaction " + target_.text, "--gtid ", first, last);
        if (target_.inclusive)
            co_return at(found->at_end, to_text({found->file, found->end}), "through the transaction " + wanted);
        co_return at(found->at_begin, to_text({found->file, found->begin}), "just before the transaction " + wanted);
    }

    Task<ResolvedTarget> at_position() {
        const auto place = find_place(target_.text);
        if (!place)
            throw Error{Fault::invalid, "\"" + target_.text + "\" is no binlog position"}.hint(
                "Write it as mariadb-bin.000007:1097.");
        std::optional<WalkedTransaction> before, after;
        std::optional<std::uint64_t> at_border;
        const auto base_place = coordinates_of(base_);
        BinlogPlace last_end{base_place.file, base_place.position};
        if (last_end == *place) at_border = base_.stop->at;
        const auto walk = co_await walk_log(*log_, base_, stretch().to, [&](const WalkedTransaction& one) {
            if (one.file == place->file && one.begin == place->offset) at_border = one.at_begin;
            if (one.file == place->file && one.end == place->offset) at_border = one.at_end;
            if (one.file == place->file && one.end <= place->offset) before = one;
            if (one.file == place->file && one.end > place->offset && !after) after = one;
            last_end = {one.file, one.end};
        });
        for (const auto& file : walk.files())
            if (file.name == place->file && place->offset <= binlog_magic_bytes && file.at > base_.stop->at) at_border = file.at;
        if (at_border) co_return at(*at_border, to_text(*place), "up to " + to_text(*place));
        Error error = not_recoverable("the log behind this backup has no transaction that ends at " + to_text(*place));
        std::string hint;
        if (before) hint = to_text({before->file, before->end});
        if (before) error.with("nearest_before", hint);
        if (after) error.with("nearest_after", to_text({after->file, after->end}));
        if (!before && !after) error.with("nearest_before", to_text(last_end));
        if (!before && !after) hint = to_text(last_end);
        if (after) hint += (hint.empty() ? "" : " or ") + to_text({after->file, after->end});
        throw error.hint("The nearest that can be had: --position " + hint + ".");
    }

    Task<ResolvedTarget> without_one() {
        const auto wanted = same_form(target_.without);
        std::optional<WalkedTransaction> found;
        std::uint64_t end = base_.stop->at;
        std::string first, last;
        BinlogPlace last_place;
        const auto walk = co_await walk_log(*log_, base_, stretch().to, [&](const WalkedTransaction& one) {
            const auto gtid = one.gtid();
            if (gtid == wanted) found = one;
            if (first.empty()) first = gtid;
            if (!gtid.empty()) last = gtid;
            end = one.at_end;
            last_place = {one.file, one.end};
        });
        if (!found) throw beyond_reach("the transaction " + target_.without, "--gtid ", first, last);
        const auto file = std::ranges::find(walk.files(), found->file, &WalkedFile::name);
        const auto did = co_await touched_by(*log_, base_.stop->lineage, *found, file->at, found->mariadb.has_value(),
                                             settings_.bin_dir, services_.state_dir, services_.pools);
        target_.without = wanted;
        co_return at(end, to_text(last_place),
                     "through the last archived transaction, without " + wanted + ", which did: " + did);
    }

    static Error beyond_reach(const std::string& what, const std::string& option, const std::string& first,
                              const std::string& last) {
        auto error = not_recoverable(what + " is not in the log behind this backup");
        if (!last.empty()) error.with("nearest_before", last).with("nearest_after", first);
        if (last.empty()) return error.hint("No transaction is archived behind it.");
        return error.hint("That log goes from " + option + first + " to " + option + last + ".");
    }

    Target target_;
    const BackupFacts& base_;
    LogSource* log_;
    const SourceSettings& settings_;
    DriverServices& services_;
};

}  // namespace

Coordinates coordinates_of(const BackupFacts& base) {
    const auto file = base.facts.find("binlog_file"), position = base.facts.find("binlog_position"),
               gtid = base.facts.find("gtid");
    if (file == base.facts.end() || position == base.facts.end())
        throw Error{Fault::corrupt, "the backup does not tell where in the server's log it stands"};
    return {.file = file->second,
            .position = std::stoull(position->second),
            .gtid = gtid == base.facts.end() ? std::string{} : gtid->second};
}

Task<BinlogWalk> walk_log(LogSource& log, const BackupFacts& base, std::uint64_t to,
                          std::function<void(const WalkedTransaction&)> visit) {
    const auto place = coordinates_of(base);
    const auto& stop = *base.stop;
    const auto begin = stop.at - place.position;
    BinlogWalk walk{place.file, begin};
    const BinlogWalk::Visitor behind{.transaction =
                                         [&](const WalkedTransaction& one) {
                                             if (one.at_end > stop.at) visit(one);
                                         },
                                     .bytes = {}};
    const auto source = log.read(stop.lineage, begin, to);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) walk.feed(block, behind);
    co_return walk;
}

Task<ResolvedTarget> resolve_target(Target target, const BackupFacts& base, LogSource* log, const SourceSettings& settings,
                                    DriverServices& services) {
    Resolver resolver{std::move(target), base, log, settings, services};
    co_return co_await resolver.run();
}

}  // namespace varve::mysql
