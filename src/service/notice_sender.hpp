/// Takes one notice to one receiver. Blocks; no error repeats a secret, and no secret is an argument of a program.
#pragma once

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "service/notice.hpp"

namespace varve {

/// One [[notify]] entry.
struct NoticeTarget {
    std::set<std::string> on;
    std::string url;  ///< or a reference to it
    NoticeForm form = NoticeForm::json;
    std::string secret{}, token{}, password{};  ///< references, or empty
    std::string body{};                         ///< the operator's template, or empty
    std::string from{};
    std::vector<std::string> to{};
    bool insecure = false;
    std::chrono::microseconds every = std::chrono::minutes{5};  ///< between two signs of life
};

struct SendLimits {
    std::chrono::milliseconds connect{5'000};
    std::chrono::milliseconds whole{15'000};
};

/// "webhook to chat.example", "mail to dba@example.org", "command /usr/local/bin/page".
std::string name_of(const NoticeTarget& target);
/// "webhook", "smtp" or "exec".
std::string kind_of(const NoticeTarget& target);

/// Ends when the receiver took it, or throws; within a second once `stop` is set. Any thread.
void send_notice(const NoticeTarget& target, const Notice& notice, const std::atomic<bool>& stop, SendLimits limits = {});
/// `document` as it is, signed and with the token as notices are: for signs of life. Fault::unsupported for mail.
void send_document(const NoticeTarget& target, const Notice& notice, const std::string& document, const std::atomic<bool>& stop,
                   SendLimits limits = {});

/// "sha256=…": the HMAC under `key` of the time in seconds, a dot and the body.
std::string notice_signature(const std::string& key, const std::string& timestamp, const std::string& body);

}  // namespace varve
