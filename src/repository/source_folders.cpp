// Whose folder is it: names in keys are keyed hashes, the clear names stand in the structure of each object.
#include "repository/source_folders.hpp"

#include <algorithm>

#include "format.pb.h"
#include "repository/object_keys.hpp"
#include "repository/open_repository.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr int objects_tried_max = 8;  // of one folder, when the first ones are damaged

/// Keeps the first keys of a listing and ends it.
class First final : public ObjectVisitor {
public:
    explicit First(std::size_t count) : count_{count} {}
    bool visit(const ObjectInfo& object) override {
        keys.push_back(object.key);
        return keys.size() < count_;
    }
    std::vector<ObjectKey> keys;

private:
    std::size_t count_;
};

/// "backup/<folder>/…" -> "<folder>"; nothing when it is no stored name.
std::optional<std::string> find_folder_in(const ObjectKey& key, std::size_t top_length) {
    const auto rest = key.text().substr(top_length);
    const auto folder = rest.substr(0, rest.find('/'));
    const bool hex = folder.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (folder.size() != 32 || !hex) return std::nullopt;
    return folder;
}

}  // namespace

Task<std::set<std::string>> folders_below(Copies& copies, std::string top, std::function<void(const ObjectKey&)> stray) {
    std::set<std::string> folders;
    std::optional<Error> failure;
    std::size_t answered = 0;
    for (const auto& copy : copies.all()) {
        try {
            for (std::string after;;) {
                First first{1};
                co_await copy.store->list(top, after, first);
                if (first.keys.empty()) break;
                const auto folder = find_folder_in(first.keys.front(), top.size());
                if (folder) folders.insert(*folder);
                if (!folder) stray(first.keys.front());
                // '0' follows '/': everything in this folder sorts before it.
                after = folder ? top + *folder + "0" : first.keys.front().text();
            }
            ++answered;
        } catch (Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            failure = error.during("listing " + top).during("copy " + copy.name.text());
            log_failure(LogLevel::warning, copy.name.text(), *failure);
        }
    }
    if (answered == 0) throw *failure;
    co_return folders;
}

Task<std::optional<SourceName>> OpenRepository::find_source_of(std::string folder) {
    struct Place {
        std::string_view top;
        ObjectType type;
    };
    for (const auto& place : {Place{"backup/", ObjectType::manifest}, Place{"log/", ObjectType::log}}) {
        for (const auto& copy : copies_->all()) {
            First first{objects_tried_max};
            try {
                co_await copy.store->list(std::string{place.top} + folder + "/", {}, first);
            } catch (const Error& error) {
                if (error.fault() == Fault::cancelled) throw;
                continue;  // reported by folders_below()
            }
            for (const auto& key : first.keys) {
                try {
                    const auto bytes = co_await copies_->get(key);
                    const ObjectReader reader{bytes, place.type, keys_.repository, opening(SourceName{})};
                    const auto& signer = reader.check_signature(signers_);
                    format::AnyStructure structure;
                    if (!structure.ParseFromArray(reader.structure().data(), static_cast<int>(reader.structure().size())))
                        continue;
                    require_may_write(signer, SourceName{structure.source()});
                    co_return SourceName{structure.source()};
                } catch (const Error& error) {
                    if (error.fault() == Fault::cancelled) throw;
                    log_failure(LogLevel::warning, "", Error{error}.during("reading " + key.text() + " for its source"));
                }
            }
        }
    }
    co_return std::nullopt;
}

Task<> OpenRepository::learn_folders() {
    for (const auto* top : {"backup/", "log/"}) {
        const auto report = [this](const ObjectKey& key) { report_once(key); };
        const auto folders = co_await folders_below(*copies_, top, report);
        for (const auto& folder : folders) {
            if (source_of_folder_.contains(folder)) continue;
            const auto source = co_await find_source_of(folder);
            if (source) source_of_folder_.emplace(folder, *source);
        }
    }
}

Task<std::vector<SourceName>> OpenRepository::sources() {
    co_await learn_folders();
    std::set<SourceName> names;
    for (const auto& [folder, source] : source_of_folder_) names.insert(source);
    co_return std::vector<SourceName>(names.begin(), names.end());
}

Task<std::optional<std::string>> OpenRepository::find_folder(SourceName source) {
    if (keys_.archive) co_return stored_name(source_keys(source), source);
    auto known = [&]() -> std::optional<std::string> {
        for (const auto& [folder, name] : source_of_folder_) {
            if (name == source) return folder;
        }
        return std::nullopt;
    };
    if (auto folder = known()) co_return folder;
    co_await learn_folders();
    co_return known();
}

}  // namespace varve
