#include "service/notice_sender.hpp"

#include "policy/notice_url.hpp"
#include "service/notice_curl.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"
#include "varve/process.hpp"
#include "varve/settings.hpp"

namespace varve {

namespace {

constexpr std::size_t variable_bytes_max = 100 << 10;  // Linux takes 128 KiB

/// What stands at the reference, when it is one.
std::string url_of(const NoticeTarget& target, NoticeUrl& parsed) {
    parsed = parse_notice_url(target.url);
    if (parsed.kind != NoticeUrl::Kind::reference) return target.url;
    const auto url = read_secret(target.url);
    parsed = parse_notice_url(url);
    if (parsed.kind != NoticeUrl::Kind::webhook)
        throw Error{Fault::invalid, "what " + target.url + " holds is no URL of a webhook"};
    return url;
}

void post(const NoticeTarget& target, const std::string& url, const NoticeUrl& parsed, const Notice& notice, NoticeBody body,
          const std::atomic<bool>& stop, SendLimits limits) {
    if (parsed.plain && !target.insecure)
        throw Error{Fault::invalid, "http:// to " + parsed.host + " needs insecure = true"}.hint("Write https://.");
    auto headers = std::move(body.headers);
    headers.push_back("Content-Type: " + body.type);
    headers.push_back("X-Varve-Event: " + notice.event);
    headers.push_back("X-Varve-Id: " + notice.id);
    if (!target.secret.empty()) {
        const auto timestamp = std::to_string(std::chrono::floor<std::chrono::seconds>(notice.time).time_since_epoch().count());
        headers.push_back("X-Varve-Timestamp: " + timestamp);
        headers.push_back("X-Varve-Signature: " + notice_signature(read_secret(target.secret), timestamp, body.body));
    }
    if (!target.token.empty()) headers.push_back("Authorization: Bearer " + read_secret(target.token));
    const auto status =
        curl_post({.url = url, .host = parsed.host, .headers = std::move(headers), .body = std::move(body.body)}, stop, limits);
    if (status >= 200 && status < 300) return;
    const bool later = status == 429 || status >= 500;
    throw Error{later ? Fault::overloaded : Fault::denied, parsed.host + " answered " + std::to_string(status)}.hint(
        later ? "It is tried again." : "Look at the URL, the token and the form of this [[notify]].");
}

void mail(const NoticeTarget& target, const NoticeUrl& parsed, const Notice& notice, const std::atomic<bool>& stop,
          SendLimits limits) {
    CurlMail letter{.url = target.url,
                    .host = parsed.host,
                    .needs_tls = !parsed.local && !target.insecure,
                    .user = parsed.user,
                    .password = target.password.empty() ? std::string{} : read_secret(target.password),
                    .from = target.from,
                    .to = target.to,
                    .subject = "[varve] " + title_of(notice),
                    .id = notice.id,
                    .time = notice.time,
                    .text = title_of(notice) + "\n\n" + text_of(notice)};
    // The user is given apart, and only the server's part of the URL.
    if (const auto at = letter.url.find('@'); at != std::string::npos)
        letter.url = letter.url.substr(0, letter.url.find("://") + 3) + letter.url.substr(at + 1);
    curl_mail(letter, stop, limits);
}

/// What the notice says is in the environment, so that nothing of it is an argument.
void run(const std::string& program, const Notice& notice, const std::string& document, const std::atomic<bool>& stop,
         SendLimits limits) {
    Command command{.arguments = {program}, .environment = {}, .user = {}, .directory = "/", .input = {}};
    std::string sources;
    for (const auto& item : notice.items) sources += (sources.empty() ? "" : " ") + item.source.text();
    command.environment = {{"VARVE_EVENT", notice.event},
                           {"VARVE_TITLE", title_of(notice)},
                           {"VARVE_TEXT", text_of(notice)},
                           {"VARVE_SOURCES", sources},
                           {"VARVE_HOST", notice.host},
                           {"VARVE_ID", notice.id},
                           {"VARVE_REMINDER", notice.reminder ? "1" : "0"}};
    if (document.size() < variable_bytes_max) command.environment["VARVE_NOTICE"] = document;
    command.is_foreign = true;  // env: references of the configuration are no business of it
    command.dies_with_us = true;
    RunningCommand running{command};
    const auto until = std::chrono::steady_clock::now() + limits.whole;
    while (!running.ends_within(std::chrono::milliseconds{100})) {
        if (stop) throw Error{Fault::cancelled, "stopped on request"};
        if (std::chrono::steady_clock::now() > until)
            throw Error{Fault::overloaded,
                        program + " had not ended after " + std::to_string(limits.whole / std::chrono::seconds{1}) + " s"};
    }
    const auto result = running.finish();
    if (result.exit_code != 0) throw command_error(command, result);
}

}  // namespace

std::string kind_of(const NoticeTarget& target) { return std::string{name_of(parse_notice_url(target.url).kind)}; }

std::string name_of(const NoticeTarget& target) {
    const auto parsed = parse_notice_url(target.url);
    switch (parsed.kind) {
        case NoticeUrl::Kind::webhook:
            return "webhook to " + parsed.host;
        case NoticeUrl::Kind::mail:
            return "mail to " + (target.to.empty() ? std::string{} : target.to.front()) +
                   (target.to.size() > 1 ? " and others" : "");
        case NoticeUrl::Kind::command:
            return "command " + parsed.path;
        case NoticeUrl::Kind::reference:
            break;
    }
    return "webhook in " + target.url;
}

std::string notice_signature(const std::string& key, const std::string& timestamp, const std::string& body) {
    return "sha256=" + to_hex(hmac_sha256(view_of(key), view_of(timestamp + "." + body)));
}

void send_notice(const NoticeTarget& target, const Notice& notice, const std::atomic<bool>& stop, SendLimits limits) {
    NoticeUrl parsed;
    const auto url = url_of(target, parsed);
    if (parsed.kind == NoticeUrl::Kind::mail) return mail(target, parsed, notice, stop, limits);
    if (parsed.kind == NoticeUrl::Kind::command) return run(parsed.path, notice, document_of(notice), stop, limits);
    post(target, url, parsed, notice, body_of(notice, target.form, target.body), stop, limits);
}

void send_document(const NoticeTarget& target, const Notice& notice, const std::string& document, const std::atomic<bool>& stop,
                   SendLimits limits) {
    NoticeUrl parsed;
    const auto url = url_of(target, parsed);
    if (parsed.kind == NoticeUrl::Kind::mail) throw Error{Fault::unsupported, "a sign of life does not go by mail"};
    if (parsed.kind == NoticeUrl::Kind::command) return run(parsed.path, notice, document, stop, limits);
    post(target, url, parsed, notice, {.type = "application/json", .body = document, .headers = {}}, stop, limits);
}

}  // namespace varve
