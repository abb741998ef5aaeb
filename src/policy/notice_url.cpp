#include "policy/notice_url.hpp"

#include <regex>

#include "varve/error.hpp"

namespace varve {

namespace {

bool is_this_host(const std::string& host) {
    return host == "localhost" || host == "[::1]" || std::regex_match(host, std::regex{R"(127(\.[0-9]{1,3}){3})"});
}

}  // namespace

NoticeUrl parse_notice_url(std::string_view text) {
    static const std::regex form{
        R"((https?|smtps?)://(?:([^@/?#\s]+)@)?(\[[0-9A-Fa-f:.]+\]|[^:/?#@\s\[\]]+)(?::[0-9]{1,5})?([/?][^\s]*)?)"};
    const std::string url{text};
    std::smatch parts;
    if (url.starts_with("exec:/")) return {.kind = NoticeUrl::Kind::command, .user = {}, .host = {}, .path = url.substr(5)};
    for (const auto* scheme : {"file:/", "env:", "credential:"})
        if (url.starts_with(scheme)) return {.kind = NoticeUrl::Kind::reference, .user = {}, .host = {}, .path = {}};
    if (!std::regex_match(url, parts, form))
        throw Error{Fault::invalid, "it is no URL that can be notified"}.hint(
            "It begins with https://, smtps:// or exec:/; or it is a reference (file:, env:, credential:) to the URL of a "
            "webhook.");
    const auto scheme = parts[1].str();
    const bool mail = scheme.starts_with("smtp");
    if (mail && parts[4].length() > 1)
        throw Error{Fault::invalid, "nothing follows the host and port of a mail server"}.hint(
            "Sender and receivers are `from` and `to`.");
    return {.kind = mail ? NoticeUrl::Kind::mail : NoticeUrl::Kind::webhook,
            .user = parts[2],
            .host = parts[3],
            .path = {},
            .local = is_this_host(parts[3]),
            .plain = scheme == "http" && !is_this_host(parts[3])};
}

std::string_view name_of(NoticeUrl::Kind kind) noexcept {
    switch (kind) {
        case NoticeUrl::Kind::mail:
            return "smtp";
        case NoticeUrl::Kind::command:
            return "exec";
        case NoticeUrl::Kind::webhook:
        case NoticeUrl::Kind::reference:
            break;
    }
    return "webhook";
}

}  // namespace varve
