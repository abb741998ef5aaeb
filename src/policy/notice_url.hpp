/// Where a notice goes, by the form of its URL. Pure.
#pragma once

#include <string>
#include <string_view>

namespace varve {

struct NoticeUrl {
    enum class Kind {
        webhook,    ///< http(s)://…
        mail,       ///< smtp(s)://[user@]host[:port]
        command,    ///< exec:/path
        reference,  ///< file:, env: or credential: hold the URL of a webhook
    };
    Kind kind = Kind::webhook;
    std::string user;    ///< of mail
    std::string host;    ///< empty for a command and a reference
    std::string path;    ///< of the command
    bool local = false;  ///< to this host: TLS is not needed
    bool plain = false;  ///< http:// to another host. smtp:// is not: it must become TLS before anything is said
};

/// Fault::invalid for any other form. The message repeats nothing of `text`: it may hold a secret.
NoticeUrl parse_notice_url(std::string_view text);

/// "webhook", "smtp", "exec": for metrics and messages.
std::string_view name_of(NoticeUrl::Kind kind) noexcept;

}  // namespace varve
