// What archive_command hands over: compared with what is archived, stored where it is not, and never over it.
#include <algorithm>

#include "jobs/wal_job.hpp"
#include "pipeline/log_shipper.hpp"
#include "repository/log_store.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using Outcome = PushReport::Outcome;

/// An object holds at most one run more than this (log_shipper.hpp), and a run at most one segment.
constexpr std::uint64_t object_bytes_max = 64ULL << 20;

/// A lineage of its own for bytes that contradict the archive: named after them, so that pushing them again changes nothing.
Lineage forked(Lineage lineage, const Digest& digest) {
    lineage.parent.reset();
    lineage.facts["forked_from"] = lineage.name.text();
    lineage.name = LineageName{lineage.name.text() + "/fork-" + to_hex(digest).substr(0, 8)};
    return lineage;
}

bool overlaps(const LogName& object, const LogFile& file) { return object.from < file.to && object.to > file.from; }

/// One push under way.
class Push {
public:
    Push(JobContext& context, Source& source, LogFollower* follower, std::filesystem::path path, LogFile file,
         std::chrono::microseconds patience)
        : context_{context},
          source_{source},
          follower_{follower},
          path_{std::move(path)},
          file_{std::move(file)},
          patience_{patience} {}

    Task<Outcome> segment() {
        auto read = [path = path_] { return read_file(path, 1ULL << 30); };
        bytes_ = co_await on_pool(context_.pools.blocking, read);
        auto hash = [this] { return sha256(bytes_); };
        digest_ = co_await on_pool(context_.pools.cpu, hash);
        const auto known =
            follower_ != nullptr ? follower_->segment_hash(file_.lineage.name, file_.from, file_.to) : std::nullopt;
        if (!known) co_return co_await beside_archive();
        if (*known != digest_) co_return co_await store_fork("with other bytes than the server streamed");
        co_await wait_until_durable();
        co_return Outcome::already_archived;
    }

    /// The text travels in the facts of its lineage, with every log object of it. A timeline that has none yet gets one without
    /// a byte, so that a restore knows it.
    Task<Outcome> history() {
        const auto objects = co_await archived(file_.lineage.name, 0);
        const auto has = [&](const Copy& copy) {
            return !copy.required || std::ranges::any_of(objects, [&](const LogName& object) { return is_in(object, copy); });
        };
        if (std::ranges::all_of(context_.repository.copies().all(), has)) co_return Outcome::already_archived;
        LogBatch batch;
        batch.from = {file_.lineage.name, file_.lineage.begins_at, source_.driver->print_position(file_.lineage.begins_at)};
        batch.to = batch.from;
        batch.lineage = file_.lineage;
        TaskGroup group{co_await asio::this_coro::executor};
        LogStore store{context_.repository, source_.setup.name, source_.setup.driver, context_.clock, group};
        auto put = [&]() -> Task<> {
            co_await store.put_log(std::make_shared<const LogBatch>(std::move(batch)));
            group.request_stop();
        };
        co_await group.run(put());
        co_return Outcome::stored;
    }

    const LineageName& lineage() const noexcept { return file_.lineage.name; }

private:
    static bool is_in(const LogName& object, const Copy& copy) {
        return std::ranges::find(object.copies, copy.name) != object.copies.end();
    }

    /// Objects of a lineage that may reach beyond `from`: a short LIST, and nothing is opened.
    Task<std::vector<LogName>> archived(LineageName lineage, std::uint64_t from) {
        const auto& name = source_.setup.name;
        const auto reach = object_bytes_max + (file_.to - file_.from);
        auto stored = stored_name(context_.repository.source_keys(name), lineage);
        return context_.repository.newest_logs(name, std::move(stored), from > reach ? from - reach : 0);
    }

    /// Nobody remembers this segment: the service was started again, or it never followed (log = "push"). What is archived of it
    /// decides.
    Task<Outcome> beside_archive() {
        auto objects = co_await archived(file_.lineage.name, file_.from);
        std::erase_if(objects, [&](const LogName& object) { return !overlaps(object, file_); });
        if (objects.empty()) co_return co_await store();
        co_await complete(objects);
        const auto& keys = context_.repository.keys();
        if (!keys.restore && !keys.escrow)
            co_return co_await store_fork("and this host cannot read back what is archived there, to compare it");
        auto covered = file_.from;
        for (const auto& object : objects) {
            const auto equal = co_await is_equal(object);
            if (equal && !*equal) co_return co_await store_fork("with other bytes than are archived");
            if (equal && object.from <= covered) covered = std::max(covered, object.to);
        }
        if (covered >= file_.to) co_return Outcome::already_archived;
        co_return co_await store();
    }

    /// Nothing: the object is damaged, and says nothing.
    Task<std::optional<bool>> is_equal(LogName name) {
        Repository::LogObject object;
        try {
            object = co_await context_.repository.log_object(source_.setup.name, name, Repository::LogPart::content);
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;
            log_failure(LogLevel::error, source_.setup.name.text(), error);
            co_return std::nullopt;
        }
        auto at = object.structure.from();
        for (const auto& frame : object.frames) {
            const auto from = std::max(at, file_.from), to = std::min<std::uint64_t>(at + frame.size(), file_.to);
            if (from < to && !std::ranges::equal(ByteView{frame}.subspan(from - at, to - from),
                                                 ByteView{bytes_}.subspan(from - file_.from, to - from)))
                co_return false;
            at += frame.size();
        }
        co_return true;
    }

    /// What one required copy refused when it was stored is given to it now, as the same object.
    Task<> complete(const std::vector<LogName>& objects) {
        for (const auto& object : objects) {
            const auto lacks = [&](const Copy& copy) { return copy.required && !is_in(object, copy); };
            if (std::ranges::none_of(context_.repository.copies().all(), lacks)) continue;
            const auto bytes = co_await context_.repository.copies().get(object.key);
            Copies::Work work{context_.repository.copies()};
            co_await work.put(object.key, bytes);
            co_await work.barrier();
        }
    }

    Task<Outcome> store_fork(std::string why) {
        file_.lineage = forked(std::move(file_.lineage), digest_);
        log(LogLevel::error, source_.setup.name.text(),
            path_.filename().string() + " was handed over " + why + ": both are kept, the pushed ones as " +
                file_.lineage.name.text());
        auto objects = co_await archived(file_.lineage.name, file_.from);
        std::erase_if(objects, [&](const LogName& one) { return one.from != file_.from || one.to != file_.to; });
        if (objects.empty()) {
            co_await store();
        } else {
            co_await complete(objects);
        }
        co_return Outcome::forked;
    }

    /// Through a shipper of its own.
    Task<Outcome> store() {
        const auto executor = co_await asio::this_coro::executor;
        TaskGroup group{executor};
        LogStore store{context_.repository, source_.setup.name, source_.setup.driver, context_.clock, group};
        LogShipper shipper{executor, context_.clock, store, {}, source_.setup.name};
        bool stored = false;
        auto ship = [&]() -> Task<> {
            group.spawn(shipper.run());
            co_await shipper.begin_lineage(file_.lineage);
            LogRun run;
            run.first = {file_.lineage.name, file_.from, source_.driver->print_position(file_.from)};
            run.last = {file_.lineage.name, file_.to, source_.driver->print_position(file_.to)};
            run.bytes = std::move(bytes_);
            run.moments = std::move(file_.moments);
            run.last_whole = file_.last_whole;
            co_await shipper.append(std::move(run));
            stored = co_await shipper.drain(patience_);
            group.request_stop();
        };
        co_await group.run(ship());
        if (!stored) throw not_durable("the segment was not durable on every required repository in time");
        co_return Outcome::stored;
    }

    static Error not_durable(std::string sentence) {
        return Error{Fault::overloaded, std::move(sentence)}.hint(
            "The server keeps it and tries again; varve status names the repository that is behind.");
    }

    /// The follower took all of it: one object more, and it is on its way. A follower that went on to another lineage stored
    /// this one first, or has not come that far yet: the archive tells.
    Task<> wait_until_durable() {
        const auto until = context_.clock.now() + patience_;
        const auto is_durable = [&](const std::optional<LogPosition>& durable) {
            return durable && durable->lineage == file_.lineage.name && durable->at >= file_.to;
        };
        if (is_durable(follower_->state().durable)) co_return;
        co_await follower_->seal();
        for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{1000})) {
            const auto durable = follower_->state().durable;
            if (is_durable(durable)) co_return;
            if (durable && durable->lineage != file_.lineage.name && co_await is_on_required_copies()) co_return;
            if (context_.clock.now() > until)
                throw not_durable("the segment was received but is not durable on every required repository yet");
            co_await context_.clock.sleep_for(pause);
        }
    }

    Task<bool> is_on_required_copies() {
        const auto objects = co_await archived(file_.lineage.name, file_.from);
        for (const auto& copy : context_.repository.copies().all()) {
            if (!copy.required) continue;
            auto covered = file_.from;
            for (const auto& object : objects)
                if (is_in(object, copy) && object.from <= covered) covered = std::max(covered, object.to);
            if (covered < file_.to) co_return false;
        }
        co_return true;
    }

    JobContext& context_;
    Source& source_;
    LogFollower* follower_;
    std::filesystem::path path_;
    LogFile file_;
    std::chrono::microseconds patience_;
    Bytes bytes_;
    Digest digest_{};
};

}  // namespace

Task<PushReport> push_log_file(JobContext& context, Source& source, LogFollower* follower, std::filesystem::path path,
                               std::chrono::microseconds patience) {
    auto file = co_await source.driver->identify_log_file(path);
    const auto kind = file.kind;
    Push push{context, source, follower, std::move(path), std::move(file), patience};
    PushReport report{.outcome = Outcome::not_needed, .lineage = {}};
    if (kind == LogFile::Kind::run) report.outcome = co_await push.segment();
    if (kind == LogFile::Kind::history) report.outcome = co_await push.history();
    report.lineage = push.lineage().text();
    co_return report;
}

}  // namespace varve
