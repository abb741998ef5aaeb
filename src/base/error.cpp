#include "varve/error.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

namespace varve {
namespace {

int exit_code_of(Fault fault) noexcept {
    switch (fault) {
        case Fault::unreachable:
        case Fault::overloaded:
            return 75;
        case Fault::denied:
            return 77;
        case Fault::invalid:
            return 2;
        case Fault::corrupt:
            return 13;
        case Fault::refused:
            return 5;
        case Fault::cancelled:
            return 130;
        case Fault::missing:
        case Fault::conflict:
        case Fault::unsupported:
        case Fault::defect:
            break;
    }
    return 1;
}

}  // namespace

std::string_view name_of(Fault fault) noexcept {
    switch (fault) {
        case Fault::unreachable:
            return "unreachable";
        case Fault::overloaded:
            return "overloaded";
        case Fault::denied:
            return "denied";
        case Fault::invalid:
            return "invalid";
        case Fault::missing:
            return "missing";
        case Fault::conflict:
            return "conflict";
        case Fault::corrupt:
            return "corrupt";
        case Fault::unsupported:
            return "unsupported";
        case Fault::refused:
            return "refused";
        case Fault::cancelled:
            return "cancelled";
        case Fault::defect:
            return "defect";
    }
    return "unknown";
}

Error::Error(Fault fault, std::string sentence) : fault_{fault}, sentence_{std::move(sentence)} { compose(); }

Error& Error::during(std::string_view step) & {
    if (step.empty()) return *this;
    sentence_.insert(0, std::string{step} + ": ");
    compose();
    return *this;
}
Error&& Error::during(std::string_view step) && { return std::move(during(step)); }

Error& Error::with(std::string key, std::string value) & {
    context_.insert_or_assign(std::move(key), std::move(value));
    return *this;
}
Error&& Error::with(std::string key, std::string value) && { return std::move(with(std::move(key), std::move(value))); }

Error& Error::hint(std::string sentence) & {
    if (hint_.empty()) hint_ = std::move(sentence);
    return *this;
}
Error&& Error::hint(std::string sentence) && { return std::move(hint(std::move(sentence))); }

Error& Error::code(std::string word, int exit_code) & {
    code_ = std::move(word);
    exit_code_ = exit_code;
    return *this;
}
Error&& Error::code(std::string word, int exit_code) && { return std::move(code(std::move(word), exit_code)); }

int Error::exit_code() const noexcept { return code_.empty() ? exit_code_of(fault_) : exit_code_; }

void Error::compose() { what_ = sentence_ + " [" + std::string{name_of(fault_)} + "]"; }

Fault fault_of_errno(int error_number) noexcept {
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
        case ENXIO:
        case ENODEV:
            return Fault::missing;
        case EACCES:
        case EPERM:
        case EROFS:
            return Fault::denied;
        case EEXIST:
        case ENOTEMPTY:
        case EBUSY:
        case ETXTBSY:
            return Fault::conflict;
        case ENOSPC:
        case EDQUOT:
        case ENOMEM:
        case EMFILE:
        case ENFILE:
        case EAGAIN:
            return Fault::overloaded;
        case EIO:
        case ESTALE:
        case ETIMEDOUT:
        case ECONNREFUSED:
        case ECONNRESET:
        case ECONNABORTED:
        case EPIPE:
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EHOSTDOWN:
        case ENOTCONN:
            return Fault::unreachable;
        case EINVAL:
        case EISDIR:
        case ENAMETOOLONG:
        case EFBIG:
            return Fault::invalid;
        case ELOOP:
        case EXDEV:
        case ENOSYS:
        case EOPNOTSUPP:
            return Fault::unsupported;
        case ECANCELED:
            return Fault::cancelled;
        default:
            return Fault::defect;
    }
}

bool is_stop(std::exception_ptr failure) noexcept {
    if (!failure) return false;
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return error.fault() == Fault::cancelled;
    } catch (const boost::system::system_error& error) {
        return error.code() == boost::asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

Error error_of(std::exception_ptr failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return error;
    } catch (const boost::system::system_error& error) {
        if (error.code() == boost::asio::error::operation_aborted) return Error{Fault::cancelled, "stopped on request"};
        const bool of_the_system = error.code().category() == boost::system::system_category();
        return Error{of_the_system ? fault_of_errno(error.code().value()) : Fault::unreachable, error.what()};
    } catch (const std::filesystem::filesystem_error& error) {
        return Error{fault_of_errno(error.code().value()), error.what()};
    } catch (const std::system_error& error) {
        const bool of_the_system =
            error.code().category() == std::system_category() || error.code().category() == std::generic_category();
        return Error{of_the_system ? fault_of_errno(error.code().value()) : Fault::defect, error.what()};
    } catch (const std::bad_alloc&) {
        return Error{Fault::overloaded, "out of memory"};
    } catch (const std::exception& error) {
        return Error{Fault::defect, error.what()};
    } catch (...) {
        return Error{Fault::defect, "an unknown exception was thrown"};
    }
}

}  // namespace varve
