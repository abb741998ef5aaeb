#include "service/notifier.hpp"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "policy/backoff.hpp"
#include "policy/schedule.hpp"
#include "service/notice_memory.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

constexpr BackoffRule try_again{.first = std::chrono::seconds{5}, .longest = std::chrono::minutes{5}};
constexpr std::chrono::seconds life_again{30};  ///< after a sign of life that did not arrive
constexpr const char* digest_schedule = "weekly MON 08:00";

Health health_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return Health::good;
        case Verdict::warning:
            return Health::stale;
        case Verdict::failed:
            return Health::failed;
        case Verdict::unknown:
            break;
    }
    return Health::unknown;
}

bool is_alive(const std::vector<SourceStatus>& statuses) {
    return std::ranges::none_of(statuses, [](const SourceStatus& status) {
        return status.verdict == Verdict::failed || status.verdict == Verdict::unknown;
    });
}

NoticeItem item_of(const SourceStatus& status, std::optional<Instant> since = {}) {
    return {.source = status.source,
            .driver = status.driver,
            .state = std::string{word_of(status.verdict)},
            .reason = status.reason,
            .remedy = status.remedy,
            .since = since};
}

std::string digits_of(const std::string& text) { return to_hex(sha256(view_of(text))).substr(0, 16); }

/// Without a secret: a URL may be one.
std::string key_of(const NoticeTarget& target) {
    auto about = target.url;
    for (const auto& event : target.on) about += " " + event;
    for (const auto& to : target.to) about += " " + to;
    return kind_of(target) + " " + digits_of(about);
}

struct Receiver {
    explicit Receiver(NoticeTarget given)
        : target{std::move(given)}, name{name_of(target)}, kind{kind_of(target)}, key{key_of(target)} {
        wishes = {.failure = wants("failure"), .stale = wants("stale"), .recovery = wants("recovery")};
    }
    bool wants(const std::string& event) const { return target.on.contains(event); }

    NoticeTarget target;
    std::string name, kind;
    std::string key;  ///< in the memory
    NoticeWishes wishes;
    ReceiverMemory memory;
    Backoff backoff{try_again};
    std::optional<Instant> not_before;  ///< after a failure
    std::string said;                   ///< the failure that was logged last
    std::uint64_t sent = 0, failed = 0;
};

/// Notices of one kind that are due together: one message.
struct Bundle {
    DueNotice notice;
    std::vector<std::pair<NoticeState*, NoticeItem>> members;
};

}  // namespace

struct Notifier::State {
    State(Clock& clock_given, Pools& pools_given, std::function<std::vector<SourceStatus>()> statuses_given,
          NotifierOptions options_given, std::size_t threads)
        : clock{clock_given},
          pools{pools_given},
          statuses{std::move(statuses_given)},
          options{std::move(options_given)},
          sending{std::max<std::size_t>(threads, 1)} {}
    ~State() {
        stop = true;
        sending.join();
    }

    Clock& clock;
    Pools& pools;
    std::function<std::vector<SourceStatus>()> statuses;
    NotifierOptions options;
    std::vector<std::unique_ptr<Receiver>> receivers;
    std::atomic<bool> stop = false;
    asio::thread_pool sending;  ///< a thread for each receiver

    std::vector<Bundle> bundles_for(Receiver& receiver) const;
    Notice make_notice(const std::string& event, std::string about) const;
    Task<bool> deliver(Receiver& receiver, std::function<void()> send);
    Task<> tell_news(Receiver& receiver);
    Task<> tell_digest(Receiver& receiver);
    Task<> look_after(Receiver& receiver);
    Task<> show_life(Receiver& receiver);
    Task<> remember();
    Task<> recall();
};

/// When one source is told as failed, those that failed with it are told in the same message.
std::vector<Bundle> Notifier::State::bundles_for(Receiver& receiver) const {
    const auto now = clock.now();
    std::vector<Bundle> bundles;
    const auto add = [&](const DueNotice& notice, NoticeState& state, const SourceStatus& status) {
        const auto alike = [&](const Bundle& one) {
            return one.notice.event == notice.event && one.notice.reminder == notice.reminder;
        };
        auto found = std::ranges::find_if(bundles, alike);
        if (found == bundles.end()) found = bundles.insert(bundles.end(), {.notice = notice, .members = {}});
        found->members.emplace_back(&state, item_of(status, state.since));
    };
    std::vector<std::pair<NoticeState*, const SourceStatus*>> failing;
    const auto all = statuses();
    for (const auto& status : all) {
        auto& state = receiver.memory.sources[status.source];
        if (const auto due = observe(state, health_of(status.verdict), now, receiver.wishes, options.rules))
            add(*due, state, status);
        else if (receiver.wishes.failure && status.verdict == Verdict::failed && state.told != Health::failed)
            failing.emplace_back(&state, &status);
    }
    const DueNotice failure{.event = NoticeEvent::failure};
    const bool news = std::ranges::any_of(
        bundles, [](const Bundle& one) { return one.notice.event == NoticeEvent::failure && !one.notice.reminder; });
    if (news)
        for (const auto& [state, status] : failing) add(failure, *state, *status);
    std::ranges::sort(bundles, {}, [](const Bundle& one) { return one.notice.event; });
    return bundles;
}

/// The id is made of what the notice is about, so that one that is sent again can be known.
Notice Notifier::State::make_notice(const std::string& event, std::string about) const {
    return {.id = digits_of(options.host + " " + event + about),
            .event = event,
            .reminder = false,
            .host = options.host,
            .time = clock.now(),
            .items = {}};
}

/// True when it was taken. A failure is said once while it stays the same; it is counted each time.
Task<bool> Notifier::State::deliver(Receiver& receiver, std::function<void()> send) {
    std::exception_ptr failure;
    try {
        co_await on_pool(sending, std::move(send));
    } catch (...) {
        failure = std::current_exception();
    }
    co_await check_stop();
    if (!failure) {
        ++receiver.sent;
        receiver.backoff.succeeded();
        receiver.not_before.reset();
        receiver.said.clear();
        co_return true;
    }
    const auto error = error_of(failure);
    ++receiver.failed;
    receiver.backoff.failed();
    receiver.not_before = clock.now() + receiver.backoff.pause(0);
    if (error.sentence() != std::exchange(receiver.said, error.sentence())) log_failure(LogLevel::error, receiver.name, error);
    co_return false;
}

Task<> Notifier::State::tell_news(Receiver& receiver) {
    const auto bundles = bundles_for(receiver);
    if (receiver.not_before && clock.now() < *receiver.not_before) co_return;
    for (const auto& bundle : bundles) {
        std::string about;
        for (const auto& [state, item] : bundle.members)
            about += " " + item.source.text() + " " + to_rfc3339(bundle.notice.reminder ? state->told_at : state->since);
        auto notice = make_notice(std::string{name_of(bundle.notice.event)}, std::move(about));
        notice.reminder = bundle.notice.reminder;
        for (const auto& [state, item] : bundle.members) notice.items.push_back(item);
        auto send = [this, &receiver, notice] { send_notice(receiver.target, notice, stop, options.limits); };
        if (!co_await deliver(receiver, std::move(send))) co_return;
        log(LogLevel::info, receiver.name, "took the notice: " + title_of(notice));
        for (const auto& [state, item] : bundle.members) told(*state, bundle.notice, clock.now());
        co_await remember();
    }
}

Task<> Notifier::State::tell_digest(Receiver& receiver) {
    const auto now = clock.now();
    if (!receiver.wants("digest") || (receiver.not_before && now < *receiver.not_before)) co_return;
    if (!receiver.memory.digest) {
        receiver.memory.digest = now;
        co_await remember();
        co_return;
    }
    const auto schedule = Schedule::parse(digest_schedule);
    if (next_run({.schedule = schedule, .zone = options.zone}, {*receiver.memory.digest}, now) > now) co_return;
    auto notice = make_notice("digest", " " + to_rfc3339(*receiver.memory.digest));
    for (const auto& status : statuses()) notice.items.push_back(item_of(status));
    auto send = [this, &receiver, notice] { send_notice(receiver.target, notice, stop, options.limits); };
    if (!co_await deliver(receiver, std::move(send))) co_return;
    receiver.memory.digest = now;
    co_await remember();
}

Task<> Notifier::State::look_after(Receiver& receiver) {
    for (;;) {
        co_await tell_news(receiver);
        co_await tell_digest(receiver);
        co_await clock.sleep_for(options.look_again);
    }
}

/// A sign of life says that everything is archived: it stays away when something is not, and whoever waits for it raises the
/// alarm.
Task<> Notifier::State::show_life(Receiver& receiver) {
    for (;;) {
        auto pause = options.look_again;
        if (const auto now = statuses(); is_alive(now)) {
            const auto notice = make_notice("alive", "");
            auto send = [this, &receiver, notice, document = life_document(now, options.host, notice.time)] {
                send_document(receiver.target, notice, document, stop, options.limits);
            };
            const bool arrived = co_await deliver(receiver, std::move(send));
            pause = arrived ? receiver.target.every : std::min<std::chrono::microseconds>(receiver.target.every, life_again);
        }
        co_await clock.sleep_for(pause);
    }
}

Task<> Notifier::State::remember() {
    NoticeMemory memory;
    for (const auto& receiver : receivers) memory[receiver->key] = receiver->memory;
    std::exception_ptr failure;
    try {
        auto write = [file = options.memory, memory] { write_notice_memory(file, memory); };
        co_await on_pool(pools.blocking, write);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await check_stop();
    if (failure) log_failure(LogLevel::warning, "notify", error_of(failure));
}

Task<> Notifier::State::recall() {
    NoticeMemory memory;
    try {
        auto read = [file = options.memory] { return read_notice_memory(file); };
        memory = co_await on_pool(pools.blocking, read);
    } catch (const Error& error) {
        log_failure(LogLevel::warning, "notify", error);
    }
    for (const auto& receiver : receivers)
        if (const auto known = memory.find(receiver->key); known != memory.end()) receiver->memory = known->second;
}

Notifier::Notifier(Clock& clock, Pools& pools, std::vector<NoticeTarget> targets,
                   std::function<std::vector<SourceStatus>()> statuses, NotifierOptions options)
    : state_{std::make_shared<State>(clock, pools, std::move(statuses), std::move(options), targets.size())} {
    for (auto& target : targets) state_->receivers.push_back(std::make_unique<Receiver>(std::move(target)));
}
Notifier::~Notifier() = default;

Task<> Notifier::run() {
    const auto state = state_;
    state->stop = false;
    co_await state->recall();
    auto body = [&](TaskGroup& group) -> Task<> {
        for (auto& receiver : state->receivers) {
            group.spawn(state->look_after(*receiver));
            if (receiver->wants("alive")) group.spawn(state->show_life(*receiver));
        }
        try {
            co_await group.join();
        } catch (...) {
            state->stop = true;  // what is under way ends soon: the group waits for it
            throw;
        }
    };
    co_await in_group(body);
}

std::map<std::string, MetricsInput::Notices> Notifier::counts() const {
    std::map<std::string, MetricsInput::Notices> counts;
    for (const auto& receiver : state_->receivers) {
        counts[receiver->kind].sent += receiver->sent;
        counts[receiver->kind].failed += receiver->failed;
    }
    return counts;
}

std::string life_document(const std::vector<SourceStatus>& statuses, const std::string& host, Instant now) {
    json sources = json::array();
    for (const auto& status : statuses) {
        json durable = json::object();
        for (const auto& [name, copy] : status.durable)
            if (!copy.position.empty())
                durable[name.text()] = {{"position", copy.position},
                                        {"time", copy.time ? json(to_rfc3339(*copy.time)) : json(nullptr)}};
        json source{
            {"name", status.source.text()}, {"state", word_of(status.verdict)}, {"durable", durable}, {"last_backup", nullptr}};
        if (const auto& last = status.last_backup)
            source["last_backup"] = {{"id", last->name.id.text()},
                                     {"stop_time", to_rfc3339(from_format(last->structure.stop_time()))}};
        sources.push_back(std::move(source));
    }
    return json{{"schema", 1}, {"event", "alive"}, {"host", host}, {"time", to_rfc3339(now)}, {"sources", sources}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
}

}  // namespace varve
