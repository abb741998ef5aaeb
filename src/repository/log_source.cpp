#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>

#include "repository/log_catalog.hpp"
#include "repository/log_object.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// Objects that cover [from, to) of one lineage, in the order they are read, or where the first hole is.
struct Cover {
    std::vector<LogName> objects;
    std::optional<std::uint64_t> hole;
};

Cover cover(const LineageLog& log, std::uint64_t from, std::uint64_t to) {
    Cover found;
    std::uint64_t have = from;
    for (const auto& stretch : log.stretches) {
        if (stretch.to <= from || stretch.from > have) continue;
        for (const auto& object : stretch.objects)
            if (object.to > from && object.from < to) found.objects.push_back(object);
        have = std::max(have, stretch.to);
        if (have >= to) return found;
    }
    found.hole = have;
    return found;
}

/// A log object's bytes, end to end.
struct Extent {
    std::uint64_t from = 0, to = 0;
    Bytes bytes;
};

/// Objects taken in order of `from`, of which damaged ones are passed over: that is fine as long as the others leave no hole.
class Coverage {
public:
    Coverage(std::uint64_t from, std::uint64_t to) : have_{from}, to_{to} {}

    void pass_over(const LogName& name, const Error& damage) {
        damages_.push_back({.from = name.from, .to = name.to, .error = damage});
    }
    void take(const LogName& name) {
        require(name.from);
        have_ = std::max(have_, name.to);
    }
    void end() const { require(to_); }

private:
    struct Damage {
        std::uint64_t from = 0, to = 0;
        Error error;
    };

    /// Everything before `position` was in an object that could be read, or what was damaged there is thrown.
    void require(std::uint64_t position) const {
        if (position <= have_) return;
        for (const auto& damage : damages_)
            if (damage.from <= have_ && damage.to > have_) throw damage.error;
    }

    std::uint64_t have_, to_;
    std::vector<Damage> damages_;
};

/// A log object as it was read: whole, or its damage.
struct Found {
    std::optional<Repository::LogObject> object;
    std::optional<Error> damage;

    /// Nothing when it was damaged: then the rest of the range must do without it.
    std::optional<Repository::LogObject> taken_into(Coverage& coverage, const LogName& name) && {
        if (damage)
            coverage.pass_over(name, *damage);
        else
            coverage.take(name);
        return std::move(object);
    }
};

constexpr std::size_t objects_together = 16;         ///< so many a store is asked for at once
constexpr std::uint64_t bytes_together = 16U << 20;  ///< of log, decompressed and held: two full objects

/// How many of the next objects are read at once; at least one.
std::size_t count_together(std::span<const LogName> names) {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    for (const auto& name : names.first(std::min(names.size(), objects_together))) {
        bytes += name.to - name.from;
        if (count > 0 && bytes > bytes_together) break;
        ++count;
    }
    return count;
}

/// What every reader of one source shares. It outlives them.
struct Shelf {
    Repository& repository;
    SourceName source;
    LogCatalog catalog;

    const LineageLog& lineage(const LineageName& name) const {
        if (const auto* found = catalog.find(name)) return *found;
        catalog.require_readable(name);
        throw absent("the archive has no log of " + name.text());
    }

    /// Fault::missing where a byte is positively absent, Fault::unreachable while a copy that may have it does not answer.
    std::vector<LogName> covering(const LineageName& name, std::uint64_t from, std::uint64_t to) const {
        if (from >= to) return {};
        auto found = cover(lineage(name), from, to);
        if (found.hole)
            throw absent("the archive has no log of " + name.text() + " from position " + std::to_string(*found.hole) + " on");
        return std::move(found.objects);
    }

    Error absent(const std::string& what) const {
        if (catalog.unanswered().empty()) return Error{Fault::missing, what};
        return Error{Fault::unreachable,
                     what + ", but " + catalog.unanswered().front().text() + " did not answer and may have it"};
    }

    /// Its damage, and a line in the log, when it is damaged in every copy.
    Task<Found> find(LineageName lineage, LogName name, Repository::LogPart part) const {
        Found found;
        try {
            found.object = co_await repository.log_object(source, name, part);
            require_lineage(found.object->structure, lineage, name.key);
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;
            log_failure(LogLevel::error, source.text(), error);
            found = {.object = {}, .damage = error};
        }
        co_return found;
    }

    /// Of the next objects of a range as many at once as may be held.
    Task<std::vector<Found>> find_next(const LineageName& lineage, std::span<const LogName> names,
                                       Repository::LogPart part) const {
        const auto together = names.first(count_together(names));
        std::vector<Found> found(together.size());
        auto one = [&](std::size_t number) -> Task<> { found[number] = co_await find(lineage, together[number], part); };
        co_await in_group([&](TaskGroup& group) -> Task<> {
            for (std::size_t i = 0; i < together.size(); ++i) group.spawn(one(i));
            co_return;
        });
        co_return found;
    }
};

Extent extent_of(Repository::LogObject object) {
    Extent extent{.from = object.structure.from(), .to = object.structure.to(), .bytes = {}};
    std::size_t bytes = 0;
    for (const auto& frame : object.frames) bytes += frame.size();
    extent.bytes.reserve(bytes);
    for (const auto& frame : object.frames) append(extent.bytes, frame);
    return extent;
}

/// Reads object after object. Where two overlap, their bytes must be equal: otherwise the lineage has forked. That is why every
/// object of the range is read to the end, those too that add nothing to it.
class LogReader final : public ByteSource {
public:
    LogReader(std::shared_ptr<const Shelf> shelf, LineageName lineage, std::uint64_t from, std::uint64_t to)
        : shelf_{std::move(shelf)}, lineage_{std::move(lineage)}, next_{from}, to_{to}, coverage_{from, to} {
        objects_ = shelf_->covering(lineage_, from, to);
    }

    Task<Bytes> read() override {
        for (;;) {
            if (auto frame = next_frame(); !frame.empty()) co_return frame;
            if (taken_ == objects_.size()) break;
            if (found_.empty()) {
                auto found =
                    co_await shelf_->find_next(lineage_, std::span{objects_}.subspan(taken_), Repository::LogPart::content);
                found_ = {std::make_move_iterator(found.begin()), std::make_move_iterator(found.end())};
            }
            const auto& name = objects_[taken_++];
            auto object = std::move(found_.front()).taken_into(coverage_, name);
            found_.pop_front();
            if (!object) continue;
            if (stands_alone(name)) {
                frames_ = {std::make_move_iterator(object->frames.begin()), std::make_move_iterator(object->frames.end())};
                frames_at_ = name.from;
                continue;
            }
            auto block = take(extent_of(std::move(*object)), name);
            if (!block.empty()) co_return block;
        }
        coverage_.end();
        co_return Bytes{};
    }

private:
    /// No byte of it is in another object of the range: it can be given out as it is.
    bool stands_alone(const LogName& name) const {
        return held_.to <= name.from && (taken_ == objects_.size() || objects_[taken_].from >= name.to);
    }

    /// Of an object that stands alone, cut to what was asked for; empty when none of it is left.
    Bytes next_frame() {
        while (!frames_.empty()) {
            auto frame = std::move(frames_.front());
            frames_.pop_front();
            const auto from = frames_at_, end = from + frame.size();
            frames_at_ = end;
            if (end <= next_ || from >= to_) continue;
            if (end > to_) frame.resize(to_ - from);
            if (from < next_) frame.erase(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(next_ - from));
            next_ = std::min(end, to_);
            return frame;
        }
        return {};
    }

    Bytes take(Extent object, const LogName& name) {
        require_same_overlap(object, name);
        auto block = part_after_next(object);
        if (object.to > held_.to) {
            held_ = std::move(object);
            held_name_ = name;
        }
        return block;
    }

    Bytes part_after_next(const Extent& object) {
        const auto end = std::min(object.to, to_);
        if (end <= next_) return {};
        const auto begin = object.bytes.begin() + static_cast<std::ptrdiff_t>(next_ - object.from);
        Bytes block(begin, begin + static_cast<std::ptrdiff_t>(end - next_));
        next_ = end;
        return block;
    }

    /// The object in hand reaches furthest: what any earlier one has of this one's range was compared with it. What lies behind
    /// the end of the range is not asked for: a restore to a point before the fork is fine.
    void require_same_overlap(const Extent& object, const LogName& name) const {
        const auto from = std::max(object.from, held_.from);
        const auto to = std::min({object.to, held_.to, to_});
        if (from >= to) return;
        const auto ours = ByteView{held_.bytes}.subspan(from - held_.from, to - from);
        const auto theirs = ByteView{object.bytes}.subspan(from - object.from, to - from);
        if (std::ranges::equal(ours, theirs)) return;
        throw Error{Fault::conflict, "the log has forked: " + held_name_.key.text() + " and " + name.key.text() +
                                         " hold other bytes for one position"}
            .code("log_forked", 1)
            .hint("Two servers wrote under one name. Restore to a point before the fork, or along the timeline that you trust.");
    }

    std::shared_ptr<const Shelf> shelf_;
    LineageName lineage_;
    std::vector<LogName> objects_;
    std::size_t taken_ = 0;    ///< of them
    std::deque<Found> found_;  ///< of those behind them: read, and not taken yet
    std::uint64_t next_, to_;
    Coverage coverage_;
    std::deque<Bytes> frames_;     ///< not given out yet
    std::uint64_t frames_at_ = 0;  ///< where the first of them lies
    Extent held_;
    LogName held_name_;
};

class ArchivedLogSource final : public LogSource {
public:
    ArchivedLogSource(Repository& repository, SourceName source, LogCatalog catalog, LineagePath path)
        : shelf_{std::make_shared<const Shelf>(repository, std::move(source), std::move(catalog))}, path_{std::move(path)} {
        for (const auto& log : shelf_->catalog.lineages()) lineages_.push_back(log.lineage);
    }

    const LineagePath& path() const override { return path_; }
    const std::vector<Lineage>& lineages() const override { return lineages_; }

    std::unique_ptr<ByteSource> read(LineageName lineage, std::uint64_t from, std::uint64_t to) override {
        return std::make_unique<LogReader>(shelf_, std::move(lineage), from, to);
    }

    Task<std::vector<Moment>> moments(LineageName lineage, std::uint64_t from, std::uint64_t to) override {
        std::vector<Moment> found;
        std::uint64_t seen = from;
        Coverage coverage{from, to};
        const auto objects = shelf_->covering(lineage, from, to);
        for (std::size_t taken = 0; taken < objects.size();) {
            for (auto& one :
                 co_await shelf_->find_next(lineage, std::span{objects}.subspan(taken), Repository::LogPart::structure)) {
                const auto object = std::move(one).taken_into(coverage, objects[taken++]);
                if (!object) continue;
                for (const auto& moment : moments_of(object->structure)) {
                    if (moment.at <= seen || moment.at > to) continue;
                    found.push_back(moment);
                    seen = moment.at;
                }
            }
        }
        coverage.end();
        co_return found;
    }

    Task<std::uint64_t> last_whole() override {
        if (path_.empty()) co_return 0;
        const auto& stretch = path_.back();
        const auto objects = shelf_->covering(stretch.lineage.name, stretch.from, stretch.to);
        // One that cannot be read is asked for nothing: whoever reads the log there meets the damage.
        for (const auto& name : objects | std::views::reverse) {
            if (name.to > stretch.to) continue;  // ends beyond the frozen tip
            const auto found = co_await shelf_->find(stretch.lineage.name, name, Repository::LogPart::structure);
            if (found.object && found.object->structure.last_whole() != 0) co_return found.object->structure.last_whole();
        }
        co_return 0;
    }

private:
    std::shared_ptr<const Shelf> shelf_;
    LineagePath path_;
    std::vector<Lineage> lineages_;
};

}  // namespace

std::unique_ptr<LogSource> make_log_source(Repository& repository, SourceName source, LogCatalog catalog, LineagePath path) {
    return std::make_unique<ArchivedLogSource>(repository, std::move(source), std::move(catalog), std::move(path));
}

}  // namespace varve
