#include "format/openssl.hpp"

#include <openssl/err.h>

#include <array>
#include <string>

#include "varve/error.hpp"

namespace varve::openssl {

void fail(std::string_view call) {
    const auto number = ERR_get_error();
    ERR_clear_error();
    std::array<char, 256> reason{};
    ERR_error_string_n(number, reason.data(), reason.size());
    throw Error{Fault::defect, std::string{call} + " failed: " + reason.data()};
}

}  // namespace varve::openssl
