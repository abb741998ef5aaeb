#include "service/notice_memory.hpp"

#include <nlohmann/json.hpp>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

ReceiverMemory receiver_in(const json& document) {
    ReceiverMemory memory;
    if (document.contains("digest")) memory.digest = from_rfc3339(document["digest"].get<std::string>());
    for (const auto& [name, told] : document.at("sources").items()) {
        auto& state = memory.sources[SourceName{name}];
        state.told = told.at("told") == "failed" ? Health::failed : Health::stale;
        state.told_at = from_rfc3339(told.at("told_at").get<std::string>());
    }
    return memory;
}

json document_of(const ReceiverMemory& memory) {
    json sources = json::object();
    for (const auto& [name, state] : memory.sources)
        if (state.told != Health::good)
            sources[name.text()] = {{"told", state.told == Health::failed ? "failed" : "stale"},
                                    {"told_at", to_rfc3339(state.told_at)}};
    json document{{"sources", sources}};
    if (memory.digest) document["digest"] = to_rfc3339(*memory.digest);
    return document;
}

}  // namespace

NoticeMemory read_notice_memory(const std::filesystem::path& file) {
    const auto bytes = find_file(file);
    if (!bytes) return {};
    NoticeMemory memory;
    try {
        const auto document = json::parse(text_of(*bytes));
        for (const auto& [name, receiver] : document.at("receivers").items()) memory[name] = receiver_in(receiver);
    } catch (const json::exception&) {
        throw Error{Fault::invalid, file.string() + " cannot be read"}.hint(
            "It is made anew; what was told before may be told again.");
    }
    return memory;
}

void write_notice_memory(const std::filesystem::path& file, const NoticeMemory& memory) {
    json receivers = json::object();
    for (const auto& [name, receiver] : memory) receivers[name] = document_of(receiver);
    make_directories(file.parent_path());
    replace_file(file, view_of(json{{"schema", 1}, {"receivers", receivers}}.dump(1)));
}

}  // namespace varve
