#include "cli/progress.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/format_text.hpp"

namespace varve::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto rate_window = 10s;
constexpr auto bar_pause = 100ms;
constexpr auto json_pause = 1s;
constexpr auto line_pause = 30s;

/// Beyond this an estimate is a guess that helps nobody.
constexpr double seconds_left_max = 100.0 * 24 * 3600;

std::string rate_text(double bytes_per_second) { return size_text(static_cast<std::uint64_t>(bytes_per_second)) + "/s"; }

/// Sources count what they meet, so more may come than was expected: never beyond the whole.
double share_of(const ProgressNow& now) {
    return std::min(1.0, static_cast<double>(now.bytes_done) / static_cast<double>(now.bytes_total));
}

}  // namespace

nlohmann::json to_json(const ProgressNow& now) {
    return {{"what", now.what}, {"bytes_done", now.bytes_done}, {"bytes_total", now.bytes_total}, {"files", now.files}};
}

void from_json(const nlohmann::json& json, ProgressNow& now) {
    now.what = json.value("what", now.what);
    now.bytes_done = json.value("bytes_done", now.bytes_done);
    now.bytes_total = json.value("bytes_total", now.bytes_total);
    now.files = json.value("files", now.files);
}

ProgressStyle progress_style(bool json, bool terminal) noexcept {
    if (json) return ProgressStyle::json;
    return terminal ? ProgressStyle::bar : ProgressStyle::lines;
}

void Rate::add(Instant time, std::uint64_t bytes) {
    // A counter that went back began anew.
    if (!samples_.empty() && (bytes < samples_.back().bytes || time < samples_.back().time)) samples_.clear();
    // Calls come by the thousand; the rate needs only a few of them.
    if (samples_.size() >= 2 && time - samples_[samples_.size() - 2].time < bar_pause) samples_.pop_back();
    samples_.push_back({time, bytes});
    while (samples_.size() > 2 && time - samples_[1].time >= rate_window) samples_.pop_front();
}

std::optional<double> Rate::bytes_per_second() const {
    if (samples_.size() < 2) return {};
    const auto length = samples_.back().time - samples_.front().time;
    if (length < 1s) return {};
    return static_cast<double>(samples_.back().bytes - samples_.front().bytes) / std::chrono::duration<double>(length).count();
}

ProgressPrinter::ProgressPrinter(std::ostream& out, ProgressStyle style, Instant begin, unsigned columns)
    : out_{out}, style_{style}, columns_{columns}, last_{begin} {}

void ProgressPrinter::show(const ProgressNow& now, Instant time) {
    if (style_ == ProgressStyle::none) return;
    if (now.what != what_) rate_.reset();
    what_ = now.what;
    rate_.add(time, now.bytes_done);
    if (!is_due(time)) return;
    last_ = time;
    printed_ = true;
    if (style_ == ProgressStyle::bar) {
        out_ << '\r' << bar_text(now) << "\x1b[K" << std::flush;
        bar_is_there_ = true;
    } else {
        out_ << (style_ == ProgressStyle::json ? json_text(now) : line_text(now)) << '\n' << std::flush;
    }
}

void ProgressPrinter::clear() {
    if (bar_is_there_) out_ << "\r\x1b[K" << std::flush;
    bar_is_there_ = false;
}

/// Short work prints no lines at all: the first one is due after the pause. A bar is there at once.
bool ProgressPrinter::is_due(Instant time) const {
    switch (style_) {
        case ProgressStyle::none:
            return false;
        case ProgressStyle::bar:
            return !printed_ || time - last_ >= bar_pause;
        case ProgressStyle::json:
            return !printed_ || time - last_ >= json_pause;
        case ProgressStyle::lines:
            return time - last_ >= line_pause;
    }
    return false;
}

std::optional<std::chrono::microseconds> ProgressPrinter::time_left(const ProgressNow& now) const {
    const auto rate = rate_.bytes_per_second();
    if (now.bytes_total <= now.bytes_done || !rate || *rate < 1) return {};
    const double seconds = static_cast<double>(now.bytes_total - now.bytes_done) / *rate;
    if (seconds > seconds_left_max) return {};
    return std::chrono::round<std::chrono::seconds>(std::chrono::duration<double>{seconds});
}

std::string ProgressPrinter::line_text(const ProgressNow& now) const {
    auto text = printable(now.what) + ": " + size_text(now.bytes_done);
    if (now.bytes_total != 0)
        text += " of " + size_text(now.bytes_total) + " (" + std::to_string(static_cast<int>(share_of(now) * 100)) + " %)";
    if (now.files != 0) text += ", " + count_text(now.files, "file");
    if (const auto rate = rate_.bytes_per_second()) text += ", " + rate_text(*rate);
    if (const auto left = time_left(now)) text += ", " + duration_text(*left) + " left";
    return text;
}

/// The line with as much of a bar as there is room for. What does not fit is cut: a bar that wraps cannot be drawn over.
std::string ProgressPrinter::bar_text(const ProgressNow& now) const {
    auto text = line_text(now);
    constexpr std::size_t bar_max = 30, bar_min = 10;
    const std::size_t room = columns_ > text.size() + 4 ? columns_ - text.size() - 4 : 0;
    if (now.bytes_total != 0 && room >= bar_min) {
        const auto width = std::min(room, bar_max);
        const auto full = static_cast<std::size_t>(share_of(now) * static_cast<double>(width));
        return "[" + std::string(full, '#') + std::string(width - full, '.') + "] " + text;
    }
    if (columns_ != 0 && text.size() >= columns_) text.resize(columns_ - 1);
    return text;
}

std::string ProgressPrinter::json_text(const ProgressNow& now) const {
    auto line = to_json(now);
    const auto rate = rate_.bytes_per_second();
    const auto left = time_left(now);
    line["bytes_per_second"] = rate ? nlohmann::json(static_cast<std::uint64_t>(*rate)) : nlohmann::json{};
    line["eta_seconds"] = left ? nlohmann::json(std::chrono::duration<double>(*left).count()) : nlohmann::json{};
    return nlohmann::json{{"progress", line}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace varve::cli
