#include "service/notice.hpp"

#include <nlohmann/json.hpp>

#include "policy/notice_template.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

constexpr std::size_t discord_bytes_max = 1900;  // it takes 2000 characters
constexpr std::size_t text_bytes_max = 8 << 10;

std::string printed(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

/// At a border of characters.
std::string shortened(std::string text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    auto end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end) + "…";
}

std::string ascii(const std::string& text) {
    std::string result;
    for (const char c : text) result += c >= ' ' && c <= '~' ? c : '?';
    return result;
}

std::string what_happened(const Notice& notice) {
    if (notice.event == "recovery") return "good again";
    if (notice.event == "stale") return "not as it should be";
    if (notice.event == "failure") return notice.reminder ? "still failed" : "failed";
    return notice.event;
}

std::string slack_escaped(const std::string& text) {
    std::string result;
    for (const char c : text) result += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string{c};
    return result;
}

json teams_card(const std::string& title, const std::string& text) {
    const json heading{{"type", "TextBlock"}, {"text", title}, {"weight", "Bolder"}, {"wrap", true}};
    const json body{{"type", "TextBlock"}, {"text", text}, {"wrap", true}};
    const json card{{"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
                    {"type", "AdaptiveCard"},
                    {"version", "1.4"},
                    {"body", json::array({heading, body})}};
    const json attachment{{"contentType", "application/vnd.microsoft.card.adaptive"}, {"content", card}};
    return {{"type", "message"}, {"attachments", json::array({attachment})}};
}

NoticeWords words_for(const Notice& notice) {
    NoticeWords words{{"event", notice.event},
                      {"title", title_of(notice)},
                      {"text", text_of(notice)},
                      {"host", notice.host},
                      {"time", to_rfc3339(notice.time)}};
    const auto listed = [&](const std::string& name, auto part) {
        auto& word = words[name];
        for (const auto& item : notice.items)
            if (const std::string one = part(item); !one.empty()) word += (word.empty() ? "" : ", ") + one;
    };
    listed("source", [](const NoticeItem& item) { return item.source.text(); });
    listed("driver", [](const NoticeItem& item) { return item.driver; });
    listed("state", [](const NoticeItem& item) { return item.state; });
    listed("reason", [](const NoticeItem& item) { return item.reason; });
    listed("remedy", [](const NoticeItem& item) { return item.remedy; });
    return words;
}

}  // namespace

std::string title_of(const Notice& notice) {
    const auto where = " on " + notice.host;
    if (notice.event == "test") return ascii("Varve test" + where);
    if (notice.event == "digest") return ascii("Varve this week" + where);
    const auto what = what_happened(notice);
    if (notice.items.size() == 1) return ascii(notice.items.front().source.text() + " " + what + where);
    return ascii(std::to_string(notice.items.size()) + " sources " + what + where);
}

std::string text_of(const Notice& notice) {
    std::string text;
    if (notice.event == "test") text = "If you read this, notifications from here arrive.\n";
    for (const auto& item : notice.items) {
        text += item.source.text() + ": " + item.state + (item.reason.empty() ? "" : ", " + item.reason);
        if (item.since) text += " (since " + to_rfc3339(*item.since) + ")";
        text += "\n";
        if (!item.remedy.empty()) text += "  " + item.remedy + "\n";
    }
    return shortened(std::move(text), text_bytes_max);
}

std::string document_of(const Notice& notice) {
    json sources = json::array();
    for (const auto& item : notice.items)
        sources.push_back({{"name", item.source.text()},
                           {"driver", item.driver},
                           {"state", item.state},
                           {"reason", item.reason},
                           {"remedy", item.remedy},
                           {"since", item.since ? json(to_rfc3339(*item.since)) : json(nullptr)}});
    return printed({{"schema", 1},
                    {"id", notice.id},
                    {"event", notice.event},
                    {"reminder", notice.reminder},
                    {"title", title_of(notice)},
                    {"host", notice.host},
                    {"time", to_rfc3339(notice.time)},
                    {"sources", sources}});
}

NoticeBody body_of(const Notice& notice, NoticeForm form, const std::string& own) {
    const std::string json_type = "application/json";
    if (!own.empty()) {
        auto body = fill_notice_template(own, words_for(notice));
        const bool is_json = json::accept(body);
        return {.type = is_json ? json_type : "text/plain; charset=utf-8", .body = std::move(body), .headers = {}};
    }
    const auto title = title_of(notice), text = text_of(notice);
    switch (form) {
        case NoticeForm::slack:
            return {.type = json_type,
                    .body = printed({{"text", "*" + slack_escaped(title) + "*\n" + slack_escaped(text)}}),
                    .headers = {}};
        case NoticeForm::discord:
            return {.type = json_type,
                    .body = printed({{"content", shortened("**" + title + "**\n" + text, discord_bytes_max)},
                                     {"allowed_mentions", {{"parse", json::array()}}}}),
                    .headers = {}};
        case NoticeForm::teams:
            return {.type = json_type, .body = printed(teams_card(title, text)), .headers = {}};
        case NoticeForm::ntfy:
            return {.type = "text/plain; charset=utf-8",
                    .body = shortened(text, 4000),
                    .headers = {"Title: " + title, std::string{"Priority: "} + (notice.event == "failure" ? "high" : "default"),
                                std::string{"Tags: "} + (notice.event == "failure"    ? "rotating_light"
                                                         : notice.event == "recovery" ? "white_check_mark"
                                                                                      : "information_source")}};
        case NoticeForm::json:
            break;
    }
    return {.type = json_type, .body = document_of(notice), .headers = {}};
}

}  // namespace varve
