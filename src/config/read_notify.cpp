#include <algorithm>
#include <array>

#include "config/read_parts.hpp"
#include "policy/notice_template.hpp"
#include "policy/notice_url.hpp"

namespace varve {

namespace {

constexpr std::array<std::string_view, 5> events{"failure", "recovery", "stale", "digest", "alive"};
const std::vector<std::string> forms{"json", "slack", "ntfy", "discord", "teams"};

/// The address as far as it is no secret: of a webhook, the path often is one.
std::string shown(const std::string& url) {
    const auto host = url.find("://");
    if (host == std::string::npos) return url;
    const auto path = url.find_first_of("/?", host + 3);
    return path == std::string::npos ? url : url.substr(0, path) + "/…";
}

std::string secret_or_none(Section& section, const std::string& key) {
    if (section.has(key)) return section.secret(key, "");
    section.expect(key);
    return {};
}

void read_events(Section& section, NotifySettings& notify) {
    for (const auto& event : section.list("on", {"failure", "recovery", "stale"})) {
        if (std::ranges::find(events, event) == events.end())
            section.reading().note(section.place("on"), "there is no event \"" + event + "\"",
                                   "One of \"failure\", \"recovery\", \"stale\", \"digest\", \"alive\".");
        notify.on.insert(event);
    }
}

std::optional<NoticeUrl> read_url(Section& section, NotifySettings& notify) {
    notify.url = section.text("url", "");
    section.reading().effective.back().value = quoted(shown(notify.url));
    refuse_password_inside(section.reading(), section.place("url"), "url", notify.url);
    try {
        return parse_notice_url(notify.url);
    } catch (const Error& error) {
        section.reading().note(section.place("url"), "`url` of a [[notify]]", error);
        return {};
    }
}

/// Keys that mean something only where they go.
void read_webhook(Section& section, NotifySettings& notify) {
    const auto word = section.one_of("form", forms, "json");
    notify.form = static_cast<NotifyForm>(std::ranges::find(forms, word) - forms.begin());
    notify.secret = secret_or_none(section, "secret");
    notify.token = secret_or_none(section, "token");
    notify.body = section.text("body", "");
    try {
        check_notice_template(notify.body);
    } catch (const Error& error) {
        section.reading().note(section.place("body"), "`body` of a [[notify]]", error);
    }
}

void read_mail(Section& section, NotifySettings& notify) {
    notify.from = section.text("from", "");
    notify.to = section.list("to", {});
    notify.password = secret_or_none(section, "password");
    const auto is_address = [](const std::string& text) {
        return text.find('@') != std::string::npos &&
               std::ranges::none_of(text, [](unsigned char c) { return c <= ' ' || c == '<' || c == '>' || c == 127; });
    };
    if (notify.on.contains("alive"))
        section.reading().note(section.place("on"), "a sign of life does not go by mail",
                               "Give \"alive\" to a webhook or a program.");
    if (!is_address(notify.from) || notify.to.empty() || !std::ranges::all_of(notify.to, is_address))
        section.reading().note(notify.place, "mail needs `from` and `to`, plain addresses",
                               "from = \"varve@example.org\", to = [\"dba@example.org\"].");
}

NotifySettings read_one(Section& section) {
    NotifySettings notify;
    notify.place = section.place();
    read_events(section, notify);
    const auto url = read_url(section, notify);
    notify.every = section.duration("every", "5min", std::chrono::seconds{1});
    notify.insecure = section.flag("insecure", false);
    if (!url) {
        section.forgive_the_rest();
        return notify;
    }
    if (url->kind == NoticeUrl::Kind::mail) read_mail(section, notify);
    if (url->kind == NoticeUrl::Kind::webhook || url->kind == NoticeUrl::Kind::reference) read_webhook(section, notify);
    if (url->plain && !notify.insecure)
        section.reading().note(section.place("url"), "http:// to another host needs insecure = true", "Write https://.");
    section.finish("a [[notify]] of this kind");
    return notify;
}

}  // namespace

std::vector<NotifySettings> read_notify(ConfigFiles& files) {
    std::vector<NotifySettings> all;
    for (auto& section : files.tables("notify")) all.push_back(read_one(section));
    return all;
}

}  // namespace varve
