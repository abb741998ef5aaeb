/// The one document that --json prints and that the service answers over its control socket, and the same for a person.
///   {"schema": 1, "command": "…", "ok": true, "exit_code": 0, "result": {…}}
///   {"schema": 1, "command": "…", "ok": false, "exit_code": N, "error": {"code", "message", "remedy", "context"}}
/// A result that is less than was asked for (a partial backup) has both `result` and `error`, and is not ok.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "varve/error.hpp"

namespace varve::cli {

nlohmann::json reply_of(const std::string& command, nlohmann::json result, const std::optional<Error>& shortfall = {});
nlohmann::json reply_of(const std::string& command, const Error& error);

/// The reply with a result's own shortfall, where it can have one.
template <class R>
    requires requires(const R& result) { to_json(result); }
nlohmann::json reply_of(const std::string& command, const R& result) {
    if constexpr (requires { shortfall_of(result); })
        return reply_of(command, to_json(result), shortfall_of(result));
    else
        return reply_of(command, to_json(result), std::nullopt);
}

/// The error of a reply that is not ok, with the code word, exit code, message, remedy and context that it was sent with.
std::optional<Error> find_error(const nlohmann::json& reply);
/// The `result` of a reply, also of one that fell short; throws the reply's error when it has none. Fault::unsupported when
/// `reply` is no reply.
nlohmann::json result_in(const nlohmann::json& reply);

/// Fault::unsupported: an answer of another version that has another form.
Error not_understood(const std::string& what);

/// The result of a reply as its struct: result_of<BackupRunResult>(reply). Throws as result_in().
template <class R>
R result_of(const nlohmann::json& reply) {
    const auto json = result_in(reply);
    R result;
    try {
        from_json(json, result);
    } catch (const nlohmann::json::exception& error) {
        throw not_understood(error.what());
    } catch (const Error& error) {  // a time that is none
        throw not_understood(error.sentence());
    }
    return result;
}

/// "error: …" and, when there is one, "hint: …": what stderr gets. Control characters of foreign text are made harmless.
std::string error_text(const Error& error);

/// What a command prints and exits with.
struct Answer {
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
    int exit_code = 0;
};
Answer answer_of(const std::string& command, const Error& error, bool json);
/// `text`: to_text(result).
Answer answer_of(const nlohmann::json& reply, const std::string& text, bool json);

template <class R>
    requires requires(const R& result) { to_text(result); }
Answer answer_of(const std::string& command, const R& result, bool json) {
    return answer_of(reply_of(command, result), json ? std::string{} : to_text(result), json);
}

}  // namespace varve::cli
