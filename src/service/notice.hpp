/// What a notice says, in each of the forms in which receivers take it. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "varve/clock.hpp"
#include "varve/names.hpp"

namespace varve {

enum class NoticeForm { json, slack, ntfy, discord, teams };

/// One source in a notice.
struct NoticeItem {
    SourceName source;
    std::string driver;
    std::string state;  ///< ok | warning | failed | unknown
    std::string reason;
    std::string remedy;
    std::optional<Instant> since;
};

struct Notice {
    std::string id;     ///< the same when it is sent again
    std::string event;  ///< failure | stale | recovery | digest | test
    bool reminder = false;
    std::string host;
    Instant time;
    std::vector<NoticeItem> items;
};

/// "pg/main failed on db1": one line of ASCII.
std::string title_of(const Notice& notice);
/// Lines for a person, without the title.
std::string text_of(const Notice& notice);
/// The document that scripts get: docs/interface.md, "Notifications".
std::string document_of(const Notice& notice);

struct NoticeBody {
    std::string type;  ///< media type
    std::string body;
    std::vector<std::string> headers;  ///< "Name: value"
};
/// `own`: the operator's template, or empty.
NoticeBody body_of(const Notice& notice, NoticeForm form, const std::string& own);

}  // namespace varve
