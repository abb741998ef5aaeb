#include <unistd.h>

#include <array>
#include <atomic>

#include "app/commands.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

std::string name_of_host() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "this host";
    return name.data();
}

Task<cli::NotifyTestRow> test_one(App& app, NoticeTarget target, std::string place) {
    cli::NotifyTestRow row{.receiver = name_of(target), .place = std::move(place), .ok = true, .problem = {}, .remedy = {}};
    const auto now = app.runtime().clock().now();
    const Notice notice{
        .id = "test-" + to_stamp(now), .event = "test", .reminder = false, .host = name_of_host(), .time = now, .items = {}};
    const std::atomic<bool> stop = false;
    std::exception_ptr failure;
    try {
        auto send = [&] { send_notice(target, notice, stop); };
        co_await on_pool(app.runtime().pools().blocking, send);
    } catch (...) {
        failure = std::current_exception();
    }
    co_await check_stop();
    if (!failure) co_return row;
    const auto error = error_of(failure);
    row.ok = false;
    row.problem = error.sentence();
    row.remedy = error.remedy();
    co_return row;
}

}  // namespace

std::vector<NoticeTarget> notice_targets(const Config& config) {
    std::vector<NoticeTarget> targets;
    for (const auto& notify : config.notify)
        targets.push_back({.on = notify.on,
                           .url = notify.url,
                           .form = static_cast<NoticeForm>(notify.form),
                           .secret = notify.secret,
                           .token = notify.token,
                           .password = notify.password,
                           .body = notify.body,
                           .from = notify.from,
                           .to = notify.to,
                           .insecure = notify.insecure,
                           .every = notify.every});
    return targets;
}

Task<cli::NotifyTestResult> test_notices(App& app) {
    const auto targets = notice_targets(app.config());
    if (targets.empty())
        throw Error{Fault::invalid, app.config().file.string() + " names no [[notify]]"}.hint(
            "Add one: url = \"https://…\", \"smtps://…\" or \"exec:/path\".");
    cli::NotifyTestResult result;
    for (std::size_t i = 0; i < targets.size(); ++i)
        result.receivers.push_back(co_await test_one(app, targets[i], app.config().notify[i].place));
    co_return result;
}

}  // namespace varve
