// The file in which a restore tells wal-fetch what to answer: positions and names of objects, no secret.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "jobs/wal_job.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

/// The server asks for whole files: what lies before the path's beginning in the first of them is needed too.
constexpr std::uint64_t file_bytes_max = 1ULL << 30;

json document_of(const Lineage& lineage) {
    json document = {{"name", lineage.name.text()}, {"begins_at", lineage.begins_at}, {"facts", lineage.facts}};
    if (lineage.parent)
        document["parent"] = {
            {"lineage", lineage.parent->lineage.text()}, {"at", lineage.parent->at}, {"text", lineage.parent->text}};
    return document;
}

Lineage lineage_of(const json& document) {
    Lineage lineage{.name = LineageName{document.at("name").get<std::string>()},
                    .begins_at = document.at("begins_at"),
                    .parent = {},
                    .facts = document.at("facts").get<Properties>()};
    if (document.contains("parent")) {
        const auto& parent = document["parent"];
        lineage.parent = LogPosition{LineageName{parent.at("lineage").get<std::string>()}, parent.at("at"), parent.at("text")};
    }
    return lineage;
}

/// The objects of one lineage that the path needs. They lie in one folder, which is written once.
json objects_of(const LineageLog& log, const LineagePath& path) {
    json names = json::array();
    std::string folder;
    for (const auto& stretch : log.stretches) {
        for (const auto& object : stretch.objects) {
            const auto needed = [&](const LineageStretch& part) {
                return part.lineage.name == log.lineage.name && object.from < part.to && object.to + file_bytes_max > part.from;
            };
            if (std::ranges::none_of(path, needed)) continue;
            const auto& key = object.key.text();
            folder = key.substr(0, key.rfind('/') + 1);
            names.push_back(key.substr(folder.size()));
        }
    }
    return {{"folder", folder}, {"names", names}};
}

LogCatalog::Frozen frozen_of(const json& document) {
    LogCatalog::Frozen frozen{.lineage = lineage_of(document.at("lineage")), .objects = {}};
    const auto folder = document.at("objects").at("folder").get<std::string>();
    for (const auto& name : document.at("objects").at("names")) frozen.objects.emplace_back(folder + name.get<std::string>());
    return frozen;
}

}  // namespace

void write_fetch_plan(const std::filesystem::path& file, const FetchPlan& plan) {
    json lineages = json::array(), path = json::array();
    for (const auto& log : plan.log.lineages())
        lineages.push_back({{"lineage", document_of(log.lineage)}, {"objects", objects_of(log, plan.path)}});
    for (const auto& stretch : plan.path)
        path.push_back({{"lineage", document_of(stretch.lineage)}, {"from", stretch.from}, {"to", stretch.to}});
    const json document = {
        {"schema", 2}, {"source", plan.source.text()}, {"config", plan.config.string()}, {"path", path}, {"lineages", lineages}};
    // The server reads it as its own user.
    replace_file(file, view_of(document.dump(1)), 0644);
}

FetchPlan read_fetch_plan(const std::filesystem::path& file) {
    const auto text = read_file(file);
    FetchPlan plan;
    try {
        const auto document = json::parse(text.begin(), text.end());
        plan.config = document.at("config").get<std::string>();
        plan.source = SourceName{document.at("source").get<std::string>()};
        for (const auto& stretch : document.at("path"))
            plan.path.push_back(
                {.lineage = lineage_of(stretch.at("lineage")), .from = stretch.at("from"), .to = stretch.at("to")});
        std::vector<LogCatalog::Frozen> lineages;
        for (const auto& lineage : document.at("lineages")) lineages.push_back(frozen_of(lineage));
        plan.log = LogCatalog::of(std::move(lineages));
    } catch (const json::exception& error) {
        throw Error{Fault::invalid, file.string() + " is not a fetch plan: " + error.what()}.hint(
            "It is written by varve restore run, of the same version as this varve.");
    }
    return plan;
}

}  // namespace varve
