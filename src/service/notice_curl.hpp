/// libcurl for notices: one request, with a time limit, that a stop ends. Private to src/service.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "service/notice_sender.hpp"

namespace varve {

struct CurlPost {
    std::string url;
    std::string host;  ///< for messages: the URL may be a secret
    std::vector<std::string> headers;
    std::string body;
};
/// The status of the answer. What it says besides is not read, and no redirect is followed.
long curl_post(const CurlPost& request, const std::atomic<bool>& stop, SendLimits limits);

struct CurlMail {
    std::string url;   ///< scheme, host and port
    std::string host;  ///< for messages
    bool needs_tls = true;
    std::string user, password;
    std::string from;
    std::vector<std::string> to;
    std::string subject;  ///< ASCII
    std::string id;
    Instant time;
    std::string text;
};
/// Ends when the server took the mail for every receiver.
void curl_mail(const CurlMail& letter, const std::atomic<bool>& stop, SendLimits limits);

}  // namespace varve
