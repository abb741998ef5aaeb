#include "service/status_board.hpp"

#include <algorithm>

#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// What changes when the archive does.
struct Trace {
    unsigned backups = 0, gaps = 0;
    std::optional<LineageName> lineage;
    friend bool operator==(const Trace&, const Trace&) = default;
};

Trace trace_of(const ServiceView& view) {
    Trace trace{.backups = view.backups.made, .gaps = view.gaps, .lineage = view.lineage};
    return trace;
}

struct Line {
    explicit Line(BoardSource given, const BoardRules& rules) : source{std::move(given)}, backoff{rules.after_failure} {
        archived.source = source.name;
        archived.driver = source.driver;
        archived.has_log = source.has_log;
    }

    BoardSource source;
    SourceStatus archived;  ///< as last read
    Backoff backoff;
    Trace seen;
    Instant due;                           ///< to be read then, or when the trace changes
    std::optional<Instant> reading_since;  ///< of the reading under way
    std::uint64_t begun = 0, ended = 0;    ///< readings
    std::uint64_t wanted = 0;              ///< somebody waits for this one to end
};

}  // namespace

struct StatusBoard::State {
    State(asio::any_io_executor executor, Clock& clock_given, BoardRules rules_given)
        : clock{clock_given}, rules{rules_given}, asked{executor}, read_one{executor} {}

    Clock& clock;
    BoardRules rules;
    Signal asked;                         ///< somebody wants a reading
    Signal read_one;                      ///< one has ended
    std::chrono::microseconds longest{};  ///< reading of those that went well
    std::vector<std::unique_ptr<Line>> lines;

    Line& find(const SourceName& name);
    Task<> read(Line& line);
    std::chrono::microseconds reading_for(Instant now) const;
    SourceStatus status(const Line& line, Instant now) const;
};

StatusBoard::StatusBoard(asio::any_io_executor executor, Clock& clock, std::vector<BoardSource> sources, BoardRules rules)
    : state_{std::make_shared<State>(std::move(executor), clock, rules)} {
    for (auto& source : sources) state_->lines.push_back(std::make_unique<Line>(std::move(source), rules));
}
StatusBoard::~StatusBoard() = default;

Line& StatusBoard::State::find(const SourceName& name) {
    for (auto& line : lines)
        if (line->source.name == name) return *line;
    throw Error{Fault::missing, "the service has no source named " + name.text()}.hint(
        "varve status lists the sources; the service was started with those that varve.toml named then.");
}

/// What was read before stays when the archive cannot be read: it is shown with the reason why it may have changed.
Task<> StatusBoard::State::read(Line& line) {
    const auto began = clock.now();
    const auto view = line.source.view(began);
    line.reading_since = began;
    ++line.begun;
    std::exception_ptr failure;
    std::optional<SourceStatus> read;
    try {
        read = co_await line.source.read(view.durable_through);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await check_stop();
    line.reading_since.reset();
    ++line.ended;
    read_one.notify();
    line.seen = trace_of(view);
    if (read) {
        longest = std::max(longest, clock.now() - began);
        line.archived = std::move(*read);
        line.backoff.succeeded();
        const bool waits = !line.archived.last_backup || line.archived.base_need;
        line.due = clock.now() + std::max(waits ? rules.read_soon : rules.read_again, rules.rest * (clock.now() - began));
        co_return;
    }
    const auto error = error_of(failure);
    if (line.archived.archive_problem != error.sentence()) log_failure(LogLevel::warning, line.source.name.text(), error);
    line.archived.archive_problem = error.sentence();
    line.backoff.failed();
    line.due = clock.now() + line.backoff.pause(0);
}

/// One archive that does not answer keeps the others from being read: it is the same repository.
std::chrono::microseconds StatusBoard::State::reading_for(Instant now) const {
    for (const auto& line : lines)
        if (line->reading_since) return now - *line->reading_since;
    return {};
}

SourceStatus StatusBoard::State::status(const Line& line, Instant now) const {
    auto status = line.archived;
    // One that is large and slow, and whole, takes as long as it took before.
    if (const auto span = reading_for(now); span > std::max(rules.patience, 4 * longest) && status.archive_problem.empty())
        status.archive_problem = "it has not answered for " + std::to_string(span / std::chrono::seconds{1}) + " s";
    complete_status(status, line.source.view(now), now, line.source.rules);
    return status;
}

Task<> StatusBoard::run() {
    const auto state = state_;
    for (;;) {
        for (auto& line : state->lines) {
            const auto now = state->clock.now();
            const bool wanted = line->wanted > line->begun;
            if (wanted || line->due <= now || line->seen != trace_of(line->source.view(now))) co_await state->read(*line);
        }
        const bool more = std::ranges::any_of(state->lines, [](const auto& line) { return line->wanted > line->begun; });
        if (!more) co_await state->asked.wait_for(state->rules.look_again);
    }
}

Task<SourceStatus> StatusBoard::look(SourceName source) {
    const auto state = state_;
    auto& line = state->find(source);
    const auto reading = line.begun + 1;  // one that is under way may have passed what the caller did before
    line.wanted = std::max(line.wanted, reading);
    state->asked.notify();
    const auto until = std::chrono::steady_clock::now() + state->rules.look_patience;
    // Whoever asks for many sources waits for an archive that hangs once, and not for each of them.
    while (line.ended < reading && state->reading_for(state->clock.now()) < state->rules.look_patience) {
        const auto left = std::chrono::ceil<std::chrono::microseconds>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0 || !co_await state->read_one.wait_for(left)) break;
    }
    co_return state->status(line, state->clock.now());
}

bool StatusBoard::has(const SourceName& source) const {
    return std::ranges::any_of(state_->lines, [&](const auto& line) { return line->source.name == source; });
}

std::vector<SourceStatus> StatusBoard::statuses() const {
    std::vector<SourceStatus> statuses;
    const auto now = state_->clock.now();
    for (const auto& line : state_->lines) statuses.push_back(state_->status(*line, now));
    return statuses;
}

}  // namespace varve
