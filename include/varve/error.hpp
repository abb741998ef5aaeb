/// The one exception of Varve. What a reader can do about a failure is its Fault; where it happened is added as it rises.
#pragma once

#include <exception>
#include <map>
#include <string>
#include <string_view>

namespace varve {

/// What the reader of a failure can do. It also chooses retry, exit code and HTTP status.
enum class Fault {
    unreachable,  ///< the other side did not answer or hung up; trying again may help
    overloaded,   ///< it answered that it cannot now; trying again later may help
    denied,       ///< a right or a key is missing
    invalid,      ///< the request, configuration or input is wrong
    missing,      ///< what was named is not there
    conflict,     ///< something else is there, or someone else holds it
    corrupt,      ///< bytes are not what was stored
    unsupported,  ///< correct, but this build, server or format version cannot
    refused,      ///< a safety brake: it could be done, and must not be done like this
    cancelled,    ///< stopped on request
    defect,       ///< our own mistake
};

std::string_view name_of(Fault fault) noexcept;

/// Thrown by value, caught by reference. Not thread-safe; moves freely between threads as an exception_ptr.
class Error : public std::exception {
public:
    /// `sentence`: lower case, no full stop: "the link went down".
    Error(Fault fault, std::string sentence);

    Fault fault() const noexcept { return fault_; }
    /// Whether the same request may succeed when it is sent again (unreachable, overloaded).
    bool retryable() const noexcept { return fault_ == Fault::unreachable || fault_ == Fault::overloaded; }

    /// Puts the step in front: "storing pack/…: the link went down".
    Error& during(std::string_view step) &;
    Error&& during(std::string_view step) &&;
    /// Keeps a foreign code or value beside the sentence: with("sqlstate", "57P01").
    Error& with(std::string key, std::string value) &;
    Error&& with(std::string key, std::string value) &&;
    /// A full sentence that tells the operator what to do next. The first one given stays: it is closest to the cause.
    Error& hint(std::string sentence) &;
    Error&& hint(std::string sentence) &&;
    /// A stable word for scripts (`point_not_recoverable`) and the exit code that goes with it; else both follow from the fault.
    Error& code(std::string word, int exit_code) &;
    Error&& code(std::string word, int exit_code) &&;

    const std::string& sentence() const noexcept { return sentence_; }
    const std::string& remedy() const noexcept { return hint_; }
    const std::string& code_word() const noexcept { return code_; }
    /// As given to code(), else by the table of the interface: 1, 2, 12, 13, 77, 75, …
    int exit_code() const noexcept;
    const std::map<std::string, std::string>& context() const noexcept { return context_; }
    /// "sentence [fault]": one line for a log.
    const char* what() const noexcept override { return what_.c_str(); }

private:
    void compose();

    Fault fault_;
    std::string sentence_;
    std::string hint_;
    std::string code_;
    int exit_code_ = 0;
    std::map<std::string, std::string> context_;
    std::string what_;
};

/// Whether `failure` says that a task was stopped: Fault::cancelled, or Asio's operation_aborted, which every await of a
/// stopped task throws.
bool is_stop(std::exception_ptr failure) noexcept;

/// `failure` as an Error, for the four places that catch: an Error itself, a stop as Fault::cancelled, a full memory as
/// Fault::overloaded, what the standard library and Asio report by their error code, and anything else as Fault::defect.
Error error_of(std::exception_ptr failure);

/// What a failed system call means to the reader, by errno.
Fault fault_of_errno(int error_number) noexcept;

}  // namespace varve
