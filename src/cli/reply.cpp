#include "cli/reply.hpp"

#include "cli/error_codes.hpp"
#include "cli/format_text.hpp"

namespace varve::cli {
namespace {

nlohmann::json json_of(const Error& error) {
    return {{"code", code_of(error)},
            {"message", error.sentence()},
            {"remedy", error.remedy()},
            {"context", nlohmann::json(error.context())}};
}

nlohmann::json envelope(const std::string& command, int exit_code) {
    return {{"schema", 1}, {"command", command}, {"ok", exit_code == 0}, {"exit_code", exit_code}};
}

/// Paths and server text may be no UTF-8: what JSON cannot carry is replaced.
std::string printed(const nlohmann::json& document) {
    return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

nlohmann::json reply_of(const std::string& command, nlohmann::json result, const std::optional<Error>& shortfall) {
    auto reply = shortfall ? reply_of(command, *shortfall) : envelope(command, 0);
    reply["result"] = std::move(result);
    return reply;
}

nlohmann::json reply_of(const std::string& command, const Error& error) {
    auto reply = envelope(command, exit_code_of(command, error));
    reply["error"] = json_of(error);
    return reply;
}

Error not_understood(const std::string& what) {
    return Error{Fault::unsupported, "the service's answer is not understood: " + what}.hint(
        "Restart the service, so that it and this command are the same version.");
}

std::optional<Error> find_error(const nlohmann::json& reply) {
    try {
        if (reply.at("ok").get<bool>()) return {};
        const auto& told = reply.at("error");
        const auto word = told.at("code").get<std::string>();
        const auto exit_code = reply.at("exit_code").get<int>();
        auto error = Error{fault_of(word, exit_code), told.at("message").get<std::string>()};
        for (const auto& [key, value] : told.value("context", nlohmann::json::object()).items())
            error.with(key, value.is_string() ? value.get<std::string>() : value.dump());
        if (const auto remedy = told.value("remedy", std::string{}); !remedy.empty()) error.hint(remedy);
        if (word != code_of(error) || exit_code != error.exit_code()) error.code(word, exit_code);
        return error;
    } catch (const nlohmann::json::exception& error) {
        throw not_understood(error.what());
    }
}

nlohmann::json result_in(const nlohmann::json& reply) {
    if (reply.is_object() && reply.contains("result")) return reply["result"];
    if (const auto error = find_error(reply)) throw *error;
    throw not_understood("it has neither a result nor an error");
}

std::string error_text(const Error& error) {
    auto text = "error: " + printable(error.sentence()) + "\n";
    if (!error.remedy().empty()) text += "hint: " + printable(error.remedy()) + "\n";
    return text;
}

Answer answer_of(const std::string& command, const Error& error, bool json) {
    const auto exit_code = exit_code_of(command, error);
    if (json) return {printed(reply_of(command, error)), {}, exit_code};
    return {{}, error_text(error), exit_code};
}

Answer answer_of(const nlohmann::json& reply, const std::string& text, bool json) {
    const auto error = find_error(reply);
    const auto exit_code = reply.at("exit_code").get<int>();
    if (json) return {printed(reply), {}, exit_code};
    return {text, error ? error_text(*error) : std::string{}, exit_code};
}

}  // namespace varve::cli
