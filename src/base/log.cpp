#include "varve/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>

#include "base/log_redirect.hpp"
#include "varve/error.hpp"

namespace varve {
namespace {

/// Whether standard error is the journal's own stream: it adds the time itself and reads the level from `<N>`.
bool writes_to_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct ::stat status{};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

/// `<6>` before a line for the journal.
class JournalLevel final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& into) override {
        std::string_view mark = "<6>";
        if (message.level >= spdlog::level::err) {
            mark = "<3>";
        } else if (message.level == spdlog::level::warn) {
            mark = "<4>";
        } else if (message.level <= spdlog::level::debug) {
            mark = "<7>";
        }
        into.append(mark.data(), mark.data() + mark.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JournalLevel>(); }
};

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = std::make_shared<spdlog::logger>("varve", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        auto form = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
        form->add_flag<JournalLevel>('J').set_pattern(writes_to_journal() ? "%J%v" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v");
        made->set_formatter(std::move(form));
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum level_of(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            break;
    }
    return spdlog::level::err;
}

std::function<void(LogLevel, std::string_view, std::string_view)>& redirected() {
    static std::function<void(LogLevel, std::string_view, std::string_view)> write;
    return write;
}

}  // namespace

void redirect_log(std::function<void(LogLevel level, std::string_view subject, std::string_view message)> write) {
    redirected() = std::move(write);
}

void log(LogLevel level, std::string_view subject, std::string_view message) {
    if (redirected()) {
        static std::mutex one_at_a_time;
        const std::scoped_lock lock{one_at_a_time};
        if (logger().should_log(level_of(level))) redirected()(level, subject, message);
        return;
    }
    if (subject.empty()) {
        logger().log(level_of(level), "{}", message);
    } else {
        logger().log(level_of(level), "{}: {}", subject, message);
    }
}

void log_failure(LogLevel level, std::string_view subject, const Error& error) {
    std::string line = error.what();
    if (!error.code_word().empty()) line += " (" + error.code_word() + ")";
    if (!error.remedy().empty()) line += " " + error.remedy();
    log(level, subject, line);
}

void set_log_level(LogLevel level) noexcept { logger().set_level(level_of(level)); }

}  // namespace varve
