/// Tells receivers when a source turns bad or good. Each receiver by itself, in its own time and from its own thread: one that
/// hangs or refuses delays nobody else, and no backup or log. What is told is what is so then: news that nobody took and that
/// passed is not told.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jobs/status_job.hpp"
#include "policy/calendar.hpp"
#include "policy/notice_rules.hpp"
#include "service/metrics.hpp"
#include "service/notice_sender.hpp"
#include "varve/async.hpp"

namespace varve {

struct NotifierOptions {
    std::string host;
    std::filesystem::path memory;  ///< file: what was told, kept over a restart; may be lost
    Zone zone;                     ///< of the digest
    NoticeRules rules{};
    SendLimits limits{};
    std::chrono::microseconds look_again = std::chrono::seconds{1};
};

/// io thread.
class Notifier {
public:
    /// `statuses`: of every source as of now, as the status board tells them.
    Notifier(Clock& clock, Pools& pools, std::vector<NoticeTarget> targets, std::function<std::vector<SourceStatus>()> statuses,
             NotifierOptions options);
    ~Notifier();

    /// Until cancelled; a notice that is on its way then is given up within a second or so.
    Task<> run();
    /// By kind, since this was made.
    std::map<std::string, MetricsInput::Notices> counts() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// What a sign of life carries outside: state, newest backup and durable positions of each source, as JSON. Pure.
std::string life_document(const std::vector<SourceStatus>& statuses, const std::string& host, Instant now);

}  // namespace varve
