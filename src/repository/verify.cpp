#include "repository/verify.hpp"

#include <algorithm>
#include <tuple>

#include "pipeline/recall.hpp"
#include "repository/object_keys.hpp"
#include "repository/pack_origin.hpp"
#include "repository/source_folders.hpp"
#include "repository/verify_names.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// Runs a step of one copy. A copy that cannot answer is said, and the others go on.
Task<> answered(Task<> step, CopyCheck& check) {
    try {
        co_await std::move(step);
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        check.did_not_answer(error);
    }
}

/// Level 2, one backup: every chunk that its list names, looked up where it lies. Gives sentences.
Task<std::vector<std::string>> check_list(Repository& repository, SourceName source, Repository::Manifest manifest,
                                          std::filesystem::path scratch) {
    RepositoryPackOrigin origin{repository, source};
    RecallPlan plan;
    plan.repository = repository.keys().repository;
    plan.keys = repository.opening(source);
    plan.packs = packs_of(manifest.structure);
    plan.content = std::move(*manifest.content);
    plan.scratch = std::move(scratch);
    Recall recall{repository.pools(), origin, std::move(plan)};
    co_return co_await recall.check_all();
}

std::uint64_t bytes_of(const format::ManifestStructure& structure) {
    std::uint64_t bytes = 0;
    for (const auto& use : structure.packs()) bytes += use.size();
    return bytes;
}

/// One object or several that are damaged say by themselves what a list finds of them.
bool is_known(const VerifyResult& result, const std::string& sentence) {
    return std::ranges::any_of(result.damaged, [&](const DamagedObject& damage) {
        const auto name = digest_of(damage.key);
        return name && sentence.find(to_hex(*name)) != std::string::npos;
    });
}

/// Level 2 of all backups, newest first, within the budget.
Task<> check_lists(Repository& repository, SourceName source, const CopyChecks& checks, VerifyOrder order, VerifyResult& result) {
    std::uint64_t bytes = 0;
    for (const auto& name : listed_backups(checks)) {
        std::optional<Error> failure;
        std::vector<std::string> sentences;
        try {
            auto manifest = co_await repository.manifest(source, name);
            const auto size = bytes_of(manifest.structure);
            const bool first = bytes == 0 && order.bytes_max > 0;
            if (!first && size > order.bytes_max - std::min(bytes, order.bytes_max)) {
                ++result.objects_left;
                continue;
            }
            bytes += size;
            sentences = co_await check_list(repository, source, std::move(manifest), order.memory);
        } catch (const Error& error) {
            failure = error;
        }
        if (failure && (failure->fault() == Fault::cancelled || failure->fault() == Fault::defect)) throw *failure;
        for (const auto& check : checks) {
            if (check->find(name.key) == nullptr || check->was_swept(name.key)) continue;
            // What is wrong with the manifest itself was said when it was looked at.
            if (failure && !is_about_object(*failure)) check->did_not_answer(*failure);
            for (const auto& sentence : sentences) {
                if (!is_known(result, sentence)) check->damaged(name.key, "what its file list names is not there: " + sentence);
            }
            break;  // the copies share a list, and packs are taken from whichever has them whole
        }
    }
}

/// Which backups need what is damaged. Asked only when something is.
Task<> name_backups(Repository& repository, VerifySubject subject, const CopyChecks& checks, VerifyResult& result) {
    std::map<std::string, std::vector<DamagedObject*>> damaged;
    for (auto& one : result.damaged) damaged[one.key.text()].push_back(&one);
    auto add = [&](const std::string& key, const BackupId& id) {
        const auto found = damaged.find(key);
        if (found == damaged.end()) return;
        for (auto* one : found->second) one->backups.push_back(id);
    };
    for (const auto& name : listed_backups(checks)) {
        add(name.key.text(), name.id);
        if (!subject.source) continue;
        try {
            const auto manifest = co_await repository.manifest(*subject.source, name);
            for (const auto& use : manifest.structure.packs())
                add("pack/" + subject.folder + "/" + use.folder() + "/" + to_hex(view_of(use.name())), name.id);
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled) throw;  // else it was said before
        }
    }
}

}  // namespace

Task<std::vector<VerifySubject>> verify_subjects(Repository& repository, std::vector<SourceName> configured) {
    std::map<std::string, std::optional<SourceName>> found;
    for (const auto* top : {"backup/", "pack/", "log/", "note/", "evidence/"}) {
        const auto ignore = [](const ObjectKey&) {};
        for (const auto& folder : co_await folders_below(repository.copies(), top, ignore)) found.try_emplace(folder);
    }
    auto names = co_await repository.sources();
    names.insert(names.end(), configured.begin(), configured.end());
    for (const auto& name : names) {
        const auto folder = co_await repository.find_folder(name);
        if (!folder) continue;
        if (const auto place = found.find(*folder); place != found.end()) place->second = name;
    }
    std::vector<VerifySubject> subjects;
    for (const auto& [folder, source] : found) subjects.push_back({.folder = folder, .source = source});
    co_return subjects;
}

Task<VerifyResult> verify_subject(Repository& repository, VerifySubject subject, VerifyOrder order, ReportVerify report) {
    VerifyResult result;
    std::optional<ObjectLens> lens;
    if (order.level >= 2) lens = co_await make_lens(repository, subject.source);
    const auto began = co_await repository.now();

    CopyChecks checks;
    for (const auto& copy : repository.copies().all()) {
        auto check = std::make_unique<CopyCheck>(repository, copy, order, lens, result);
        co_await answered(check->take_inventory(subject.folder), *check);
        if (check->answers()) checks.push_back(std::move(check));
    }
    co_await check_names(repository, subject, checks, began, result);
    for (const auto& check : checks) co_await check->remember_lost();

    VerifyProgress progress;
    for (const auto& check : checks) progress.bytes_total += check->bytes_to_read();
    auto read_bytes = [&](std::uint64_t bytes) {
        progress.bytes += bytes;
        if (report) report(progress);
    };
    for (const auto& check : checks) {
        if (order.level >= 1 && check->answers()) co_await answered(check->read_objects(read_bytes), *check);
    }
    if (order.level >= 2 && subject.source) co_await check_lists(repository, *subject.source, checks, order, result);
    if (!result.damaged.empty()) co_await name_backups(repository, subject, checks, result);
    std::ranges::sort(result.damaged, [](const DamagedObject& a, const DamagedObject& b) {
        return std::tie(a.copy, a.key) < std::tie(b.copy, b.key);
    });
    co_return result;
}

Task<VerifyResult> verify_source(Repository& repository, SourceName source, VerifyOrder order, ReportVerify report) {
    auto folder = co_await repository.find_folder(source);
    if (!folder)
        throw Error{Fault::missing, "no folder of the repository is known to be that of " + source.text()}.hint(
            "varve verify looks at every folder, whoever it belongs to.");
    VerifySubject subject{.folder = std::move(*folder), .source = std::move(source)};
    co_return co_await verify_subject(repository, std::move(subject), std::move(order), std::move(report));
}

format::EvidenceStructure evidence_of(const VerifyResult& result, const VerifyOrder& order) {
    format::EvidenceStructure evidence;
    evidence.set_kind("verify");
    evidence.set_level(static_cast<std::uint32_t>(order.level));
    evidence.set_ok(result.ok());
    evidence.set_objects(result.objects);
    evidence.set_bytes(result.bytes);
    for (const auto& damage : result.damaged) evidence.add_damaged(damage.key.text());
    std::string text;
    for (const auto& copy : result.unanswered) text += "copy " + copy.text() + " did not answer; ";
    if (result.objects_left > 0) text += std::to_string(result.objects_left) + " objects were left for later";
    evidence.set_text(text);
    return evidence;
}

}  // namespace varve
