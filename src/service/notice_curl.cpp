#include "service/notice_curl.hpp"

#include <curl/curl.h>

#include <array>
#include <ctime>
#include <memory>
#include <mutex>

#include "varve/error.hpp"

namespace varve {

namespace {

struct EndHandle {
    void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
};
struct EndList {
    void operator()(::curl_slist* list) const { ::curl_slist_free_all(list); }
};
struct EndMime {
    void operator()(::curl_mime* mime) const { ::curl_mime_free(mime); }
};
using Handle = std::unique_ptr<CURL, EndHandle>;
using List = std::unique_ptr<::curl_slist, EndList>;

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

int stopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

void append(List& list, const std::string& text) {
    auto* longer = ::curl_slist_append(list.get(), text.c_str());
    if (longer == nullptr) throw std::bad_alloc{};
    (void)list.release();
    list.reset(longer);
}

/// Options that every request has. The limits bound how long an answer may be, too: it is thrown away as it comes.
Handle make_handle(const std::string& url, const std::atomic<bool>& stop, SendLimits limits, const char* protocols) {
    static std::once_flag once;
    std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
    Handle handle{::curl_easy_init()};
    if (!handle) throw std::bad_alloc{};
    auto* curl = handle.get();
    ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer is not waited for
    ::curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
    ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limits.whole.count()));
    ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &ignore);
    ::curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    ::curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &stopped);
    ::curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop);
    ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "varve/" VARVE_VERSION);
    return handle;
}

/// libcurl's own text for the code: its longer one may hold the URL.
void perform(const Handle& handle, const std::string& host) {
    const auto code = ::curl_easy_perform(handle.get());
    if (code == CURLE_OK) return;
    if (code == CURLE_ABORTED_BY_CALLBACK) throw Error{Fault::cancelled, "stopped on request"};
    const auto sentence = host + ": " + ::curl_easy_strerror(code);
    switch (code) {
        case CURLE_LOGIN_DENIED:
            throw Error{Fault::denied, sentence}.hint("Look at the user in the URL and at `password` of this [[notify]].");
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_USE_SSL_FAILED:
            throw Error{Fault::denied, sentence}.hint("Its certificate must be valid here, and it must speak TLS.");
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_GOT_NOTHING:
            throw Error{Fault::unreachable, sentence};
        default:
            throw Error{Fault::unreachable, sentence}.with("curl", std::to_string(code));
    }
}

/// RFC 5322.
std::string mail_date(Instant time) {
    const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts)};
}

}  // namespace

long curl_post(const CurlPost& request, const std::atomic<bool>& stop, SendLimits limits) {
    const auto handle = make_handle(request.url, stop, limits, "http,https");
    List headers;
    for (const auto& header : request.headers) append(headers, header);
    append(headers, "Expect:");
    ::curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    ::curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    ::curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, request.body.data());
    perform(handle, request.host);
    long status = 0;
    ::curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
}

void curl_mail(const CurlMail& letter, const std::atomic<bool>& stop, SendLimits limits) {
    const auto handle = make_handle(letter.url, stop, limits, "smtp,smtps");
    ::curl_easy_setopt(handle.get(), CURLOPT_USE_SSL, static_cast<long>(letter.needs_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (!letter.user.empty()) ::curl_easy_setopt(handle.get(), CURLOPT_USERNAME, letter.user.c_str());
    if (!letter.password.empty()) ::curl_easy_setopt(handle.get(), CURLOPT_PASSWORD, letter.password.c_str());
    ::curl_easy_setopt(handle.get(), CURLOPT_MAIL_FROM, ("<" + letter.from + ">").c_str());
    List receivers, headers;
    std::string all;
    for (const auto& to : letter.to) {
        append(receivers, "<" + to + ">");
        all += (all.empty() ? "<" : ", <") + to + ">";
    }
    ::curl_easy_setopt(handle.get(), CURLOPT_MAIL_RCPT, receivers.get());
    append(headers, "Date: " + mail_date(letter.time));
    append(headers, "From: Varve <" + letter.from + ">");
    append(headers, "To: " + all);
    append(headers, "Subject: " + letter.subject);
    append(headers, "Message-ID: <" + letter.id + letter.from.substr(letter.from.find('@')) + ">");
    append(headers, "Auto-Submitted: auto-generated");
    ::curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    const std::unique_ptr<::curl_mime, EndMime> mime{::curl_mime_init(handle.get())};
    auto* part = ::curl_mime_addpart(mime.get());
    ::curl_mime_data(part, letter.text.data(), letter.text.size());
    ::curl_mime_type(part, "text/plain; charset=utf-8");
    ::curl_mime_encoder(part, "quoted-printable");
    ::curl_easy_setopt(handle.get(), CURLOPT_MIMEPOST, mime.get());
    perform(handle, letter.host);
}

}  // namespace varve
