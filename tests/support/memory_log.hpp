/// A log sink in memory, whose durability the test decides.
#pragma once

#include <map>
#include <stdexcept>

#include "varve/async.hpp"
#include "varve/driver.hpp"
#include "varve/error.hpp"

namespace varve::test {

class MemoryLog final : public LogSink {
public:
    enum class Durability { at_once, when_sealed, never };
    struct Line {
        Lineage lineage;
        std::uint64_t begin = 0;
        Bytes bytes;
        std::vector<Moment> moments;
        std::uint64_t last_whole = 0;
        std::uint64_t end() const { return begin + bytes.size(); }
    };

    explicit MemoryLog(asio::any_io_executor executor, Durability durability = Durability::at_once)
        : durability{durability}, changed{executor} {}

    Durability durability;
    std::vector<Line> lines;  ///< in the order they began
    int seals = 0;
    std::optional<Error> blocked;
    std::optional<Moment> known;  ///< the last known_through()
    Signal changed;

    Line& line() { return lines.back(); }
    const Line& line_of(const LineageName& name) const {
        for (const auto& each : lines)
            if (each.lineage.name == name) return each;
        throw std::out_of_range{"no such lineage"};
    }
    void make_durable() {
        durable_ = LogPosition{line().lineage.name, line().end(), {}};
        changed.notify();
    }
    Task<> wait_for(std::uint64_t end) {
        while (lines.empty() || line().end() < end) co_await changed.wait();
    }
    Task<> wait_for_lineages(std::size_t count) {
        while (lines.size() < count) co_await changed.wait();
    }

    /// What was not durable is forgotten: the source sends it again.
    Task<> begin_lineage(Lineage lineage) override {
        if (lines.empty() || line().lineage.name != lineage.name) {
            lines.push_back({std::move(lineage), 0, {}, {}, 0});
        } else if (!durable_ || durable_->lineage != lineage.name) {
            line() = {std::move(lineage), 0, {}, {}, 0};
        } else {
            auto& kept = line();
            kept.bytes.resize(durable_->at - kept.begin);
            std::erase_if(kept.moments, [this](const Moment& moment) { return moment.at > durable_->at; });
        }
        changed.notify();
        co_return;
    }
    Task<> append(LogRun run) override {
        auto& kept = line();
        if (kept.bytes.empty()) kept.begin = run.first.at;
        if (run.first.lineage != kept.lineage.name || run.first.at != kept.end() ||
            run.last.at - run.first.at != run.bytes.size())
            throw std::logic_error{"a run does not continue the log"};
        varve::append(kept.bytes, run.bytes);
        for (const auto& moment : run.moments)
            if (moment.at <= run.first.at || moment.at > run.last.at) throw std::logic_error{"a moment lies outside its run"};
        kept.moments.insert(kept.moments.end(), run.moments.begin(), run.moments.end());
        if (run.last_whole) kept.last_whole = run.last_whole;
        if (durability == Durability::at_once) make_durable();
        changed.notify();
        co_return;
    }
    Task<> record_gap(Gap) override { co_return; }
    void known_through(std::uint64_t at, Instant time) override {
        known = Moment{at, time};
        changed.notify();
    }
    /// Until the server is known to have committed nothing more up to its last commit.
    Task<> wait_for_silence() {
        while (!known || known->at != line().end() || line().moments.empty() || known->time < line().moments.back().time)
            co_await changed.wait();
    }
    Task<> seal() override {
        ++seals;
        if (durability == Durability::when_sealed && !lines.empty() && !line().bytes.empty()) make_durable();
        changed.notify();
        co_return;
    }
    std::optional<LogPosition> durable() const override { return durable_; }
    Task<> durable_after(std::optional<LogPosition> position) override {
        while (durable_ == position) co_await changed.wait();
    }
    void throw_if_blocked() const override {
        if (blocked) throw Error{*blocked};
    }

private:
    std::optional<LogPosition> durable_;
};

}  // namespace varve::test
