#include "service/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>

namespace varve {

namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

constexpr std::array verdicts{Verdict::ok, Verdict::warning, Verdict::failed, Verdict::unknown};

constexpr const char* last_success_help =
    "When what the repository holds last of this kind ended: a backup, by the engine's clock; log, when it became durable there.";
constexpr const char* backups_help = "Backups since the service began.";

double seconds(std::chrono::microseconds span) { return std::chrono::duration<double>(span).count(); }
double seconds(Instant time) { return seconds(time.time_since_epoch()); }

/// Families in the order in which they are met first. One that gets no value does not appear.
class Families {
public:
    void gauge(const std::string& name, const char* help, Labels labels, double value) {
        metric(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
    }
    void gauge(const std::string& name, const char* help, Labels labels, std::optional<Instant> time) {
        if (time) gauge(name, help, std::move(labels), seconds(*time));
    }
    void counter(const std::string& name, const char* help, Labels labels, std::uint64_t value) {
        metric(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = static_cast<double>(value);
    }
    std::string text() const { return prometheus::TextSerializer{}.Serialize(families_); }

private:
    prometheus::ClientMetric& metric(const std::string& name, const char* help, prometheus::MetricType type, Labels labels) {
        const auto [place, added] = places_.try_emplace(name, families_.size());
        if (added) families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
        auto& made = families_[place->second].metric.emplace_back();
        made.label = std::move(labels);
        return made;
    }

    std::vector<prometheus::MetricFamily> families_;
    std::map<std::string, std::size_t> places_;
};

Labels with(Labels labels, const std::string& name, const std::string& value) {
    labels.push_back({.name = name, .value = value});
    return labels;
}

void add_backup(Families& out, const SourceStatus& status, const Labels& labels, const std::vector<RepositoryFacts>& copies) {
    for (const auto& [copy, time] : status.backed_up)
        out.gauge("varve_last_success_timestamp_seconds", last_success_help,
                  with(with(labels, "repository", copy.text()), "kind", "backup"), time);
    if (const auto& last = status.last_backup) {
        const auto& structure = last->structure;
        const auto bytes = [&](const char* kind, std::uint64_t value) {
            out.gauge("varve_backup_bytes", "Bytes of the newest backup: of the source, read from it, stored for it.",
                      with(labels, "kind", kind), static_cast<double>(value));
        };
        bytes("source", structure.bytes_source());
        bytes("read", structure.bytes_read());
        bytes("stored", structure.bytes_stored());
        out.gauge("varve_backup_partial", "1 when the newest backup lacks something.", labels, structure.partial() ? 1 : 0);
    }
    out.gauge("varve_next_backup_timestamp_seconds", "When the next backup is due.", labels, status.next_backup);
    if (!status.service) return;
    const auto& tally = status.service->backups;
    for (const auto& copy : copies)
        out.gauge("varve_last_attempt_timestamp_seconds", "When the service last began a backup.",
                  with(with(labels, "repository", copy.name.text()), "kind", "backup"), tally.last_begun);
    if (tally.last_duration)
        out.gauge("varve_backup_duration_seconds", "How long the last backup took that the service made.", labels,
                  seconds(*tally.last_duration));
    out.counter("varve_backups_total", backups_help, with(labels, "kind", "made"), tally.made);
    out.counter("varve_backups_total", backups_help, with(labels, "kind", "failed"), tally.failed);
    out.gauge("varve_backup_running", "1 while a backup is being made.", labels, status.service->backing_up ? 1 : 0);
}

void add_log(Families& out, const SourceStatus& status, const Labels& labels) {
    if (!status.has_log) return;
    for (const auto& [name, copy] : status.durable) {
        const auto there = with(labels, "repository", name.text());
        out.gauge("varve_last_success_timestamp_seconds", last_success_help, with(there, "kind", "log"), copy.time);
        if (copy.lag)
            out.gauge("varve_log_lag_seconds", "Age of the oldest log that the repository does not have yet.", there,
                      seconds(*copy.lag));
        if (copy.lag_bytes)
            out.gauge("varve_log_lag_bytes", "Log that was received and that the repository does not have yet.", there,
                      static_cast<double>(*copy.lag_bytes));
    }
    if (status.archive_read)
        out.gauge("varve_log_gaps", "Stretches of log that the archive does not have.", labels,
                  static_cast<double>(status.gaps.size()));
    if (!status.service || !status.service->follows) return;
    out.gauge("varve_log_connected", "1 while the log of the source is followed.", labels, status.service->connected ? 1 : 0);
    out.gauge("varve_log_durable_through_timestamp_seconds",
              "Every commit up to then, by the source's clock, is in every required repository.", labels,
              status.service->durable_through);
}

void add_windows(Families& out, const SourceStatus& status, const Labels& labels) {
    if (!status.archive_read) return;
    out.gauge("varve_recovery_windows", "Stretches of time that can be restored; between two of them nothing can.", labels,
              static_cast<double>(status.windows.size()));
    if (status.windows.empty()) return;
    auto oldest = status.windows.front().from, newest = status.windows.front().to;
    for (const auto& window : status.windows) {
        oldest = std::min(oldest, window.from);
        newest = std::max(newest, window.to);
    }
    out.gauge("varve_recovery_window_oldest_timestamp_seconds", "The oldest instant that can be restored.", labels,
              seconds(oldest));
    out.gauge("varve_recovery_window_newest_timestamp_seconds",
              "The newest instant that could be restored when the archive was read.", labels, seconds(newest));
}

void add_source(Families& out, const SourceStatus& status, const MetricsInput& input) {
    const Labels labels{{.name = "source", .value = status.source.text()}, {.name = "driver", .value = status.driver}};
    for (const auto verdict : verdicts)
        out.gauge("varve_source_state", "1 for the state that varve status shows, 0 for the others.",
                  with(labels, "kind", std::string{word_of(verdict)}), status.verdict == verdict ? 1 : 0);
    out.gauge("varve_archive_read_timestamp_seconds", "When what is told of the archive was last read.", labels,
              status.archive_read);
    add_backup(out, status, labels, input.repositories);
    add_log(out, status, labels);
    add_windows(out, status, labels);
    const auto deletion = input.next_deletion.find(status.source);
    if (deletion != input.next_deletion.end())
        out.gauge("varve_next_deletion_timestamp_seconds",
                  "When something of the source may first be deleted, as varve retention plan says.", labels,
                  seconds(deletion->second));
}

void add_repository(Families& out, const RepositoryFacts& facts) {
    const Labels labels{{.name = "repository", .value = facts.name.text()}};
    out.gauge("varve_repository_required", "1 when success needs this repository.", labels, facts.required ? 1 : 0);
    out.counter("varve_repository_retries_total", "Requests that were tried again.", labels, facts.retries);
    if (facts.answers)
        out.gauge("varve_repository_answers", "1 when it answered the last time that it was asked.", labels,
                  *facts.answers ? 1 : 0);
    if (facts.clock_skew)
        out.gauge("varve_clock_skew_seconds", "The repository's clock minus this host's.", labels, seconds(*facts.clock_skew));
    for (const auto& [kind, count] : facts.kinds) {
        out.gauge("varve_repository_objects", "Objects of a kind, when they were last counted.", with(labels, "kind", kind),
                  static_cast<double>(count.objects));
        out.gauge("varve_repository_bytes", "Bytes of objects of a kind, when they were last counted.",
                  with(labels, "kind", kind), static_cast<double>(count.bytes));
    }
    out.gauge("varve_repository_measured_timestamp_seconds", "When objects and bytes were counted.", labels, facts.measured);
}

}  // namespace

std::string_view word_of(Verdict verdict) {
    static constexpr std::array<std::string_view, 4> words{"ok", "warning", "failed", "unknown"};
    return words.at(static_cast<std::size_t>(verdict));
}

std::string metrics_text(const MetricsInput& input) {
    Families out;
    out.gauge("varve_start_timestamp_seconds", "When the service began.", {}, seconds(input.began));
    for (const auto& source : input.sources) add_source(out, source, input);
    for (const auto& repository : input.repositories) add_repository(out, repository);
    for (const auto& [kind, count] : input.notices) {
        const Labels labels{{.name = "kind", .value = kind}};
        out.counter("varve_notifications_sent_total", "Notifications that were taken.", labels, count.sent);
        out.counter("varve_notifications_failed_total", "Attempts to notify that failed.", labels, count.failed);
    }
    return out.text();
}

std::string unready(const std::vector<SourceStatus>& sources) {
    std::string text;
    for (const auto& status : sources)
        if (status.verdict == Verdict::failed || status.verdict == Verdict::unknown)
            text += status.source.text() + " " + std::string{word_of(status.verdict)} + "\n";
    return text;
}

}  // namespace varve
