/// How far a long operation is: a bar on a terminal, a line every 30 s elsewhere, JSON lines with --json. Driven by calls: there
/// is no thread and no timer here.
#pragma once

#include <cstdint>
#include <deque>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "varve/clock.hpp"

namespace varve::cli {

/// Where the work is now. Counters only grow while `what` stays the same.
struct ProgressNow {
    std::string what;  ///< "backing up pg/main"
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;  ///< 0: unknown
    std::uint64_t files = 0;
};
/// As it goes over the control socket.
nlohmann::json to_json(const ProgressNow& now);
void from_json(const nlohmann::json& json, ProgressNow& now);

enum class ProgressStyle { none, bar, lines, json };
/// `terminal`: whether stderr is one.
ProgressStyle progress_style(bool json, bool terminal) noexcept;

/// Bytes a second over the last ten seconds.
class Rate {
public:
    void add(Instant time, std::uint64_t bytes);
    void reset() noexcept { samples_.clear(); }
    /// Nothing before two samples lie a second apart.
    std::optional<double> bytes_per_second() const;

private:
    struct Sample {
        Instant time;
        std::uint64_t bytes;
    };
    std::deque<Sample> samples_;
};

/// Prints to stderr what is due and no more. One thread.
class ProgressPrinter {
public:
    /// `columns`: of the terminal. `out` outlives the printer.
    ProgressPrinter(std::ostream& out, ProgressStyle style, Instant begin, unsigned columns = 80);
    ProgressPrinter(const ProgressPrinter&) = delete;
    ProgressPrinter& operator=(const ProgressPrinter&) = delete;
    /// Clears: what went wrong is told on a line of its own.
    ~ProgressPrinter() { clear(); }
    /// As often as there is news: a bar is drawn ten times a second at most, a JSON line once a second, a line every 30 s.
    void show(const ProgressNow& now, Instant time);
    /// Takes the bar away, so that what follows begins on a line of its own. To be called before anything else is printed.
    void clear();

private:
    bool is_due(Instant time) const;
    std::string bar_text(const ProgressNow& now) const;
    std::string line_text(const ProgressNow& now) const;
    std::string json_text(const ProgressNow& now) const;
    std::optional<std::chrono::microseconds> time_left(const ProgressNow& now) const;

    std::ostream& out_;
    ProgressStyle style_;
    unsigned columns_;
    std::string what_;
    Rate rate_;
    Instant last_;
    bool printed_ = false;
    bool bar_is_there_ = false;
};

}  // namespace varve::cli
