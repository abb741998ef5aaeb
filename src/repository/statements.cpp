// Notes and evidence: small signed objects without content records.
#include <algorithm>
#include <array>

#include "repository/object_keys.hpp"
#include "repository/open_repository.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// What only an admin may say: it lets something be forgotten.
bool needs_admin(const std::string& note_kind) {
    constexpr std::array kinds{"acknowledged", "release", "retire", "shorten"};
    return std::ranges::find(kinds, note_kind) != kinds.end();
}
bool needs_admin(const format::NoteStructure& note) { return needs_admin(note.kind()); }
bool needs_admin(const format::EvidenceStructure&) { return false; }

SealedObject seal_statement(ObjectType type, const SealingContext& sealing, const std::string& structure) {
    ObjectWriter writer{type, sealing, structure.size() + 1024};
    return writer.finish(view_of(structure));
}

}  // namespace

template <class Structure>
Task<ObjectKey> OpenRepository::put_statement(SourceName source, Structure statement, std::string kind, ObjectType type,
                                              const Secret& signer) {
    const auto folder = co_await find_folder(source);
    if (!folder) throw Error{Fault::missing, "the repository holds nothing of " + source.text()};
    statement.set_source(source.text());
    statement.set_host(keys_.host_name);
    statement.set_tool_version(VARVE_VERSION);
    if (statement.time() == 0) statement.set_time(to_format(co_await now()));
    auto sealing_context = sealing(source);
    sealing_context.signer = signer;
    const auto object = seal_statement(type, sealing_context, statement.SerializeAsString());
    auto key = statement_key(kind, *folder, from_format(statement.time()), object.name);
    Copies::Work work{*copies_};
    co_await work.put(key, object.bytes);
    co_await work.barrier();
    co_return key;
}

Task<ObjectKey> OpenRepository::put_note(SourceName source, format::NoteStructure note) {
    const bool by_admin = needs_admin(note) || !keys_.host;
    const auto& signer = by_admin ? keys_.require(keys_.admin, "admin", "a note of the kind `" + note.kind() + "`")
                                  : keys_.require(keys_.host, "host", "a note");
    co_return co_await put_statement(std::move(source), std::move(note), "note", ObjectType::note, signer);
}

Task<ObjectKey> OpenRepository::put_evidence(SourceName source, format::EvidenceStructure evidence) {
    const auto& signer = keys_.host ? *keys_.host : keys_.require(keys_.admin, "host or admin", "storing evidence");
    co_return co_await put_statement(std::move(source), std::move(evidence), "evidence", ObjectType::evidence, signer);
}

template <class Structure>
Task<std::vector<Structure>> OpenRepository::statements(SourceName source, std::string kind, ObjectType type) {
    std::vector<Structure> found;
    const auto folder = co_await find_folder(source);
    if (!folder) co_return found;
    const auto admins_from = statement_signers_.data() + signers_.size();
    const auto listed = co_await copies_->list(kind + "/" + *folder + "/");
    for (const auto& object : listed) {
        if (!find_statement_key(kind, object.key)) {
            report_once(object.key);
            continue;
        }
        try {
            const auto bytes = co_await copies_->get(object.key);
            const ObjectReader reader{bytes, type, keys_.repository, opening(source)};
            const auto& signer = reader.check_signature(statement_signers_);
            Structure structure;
            if (!structure.ParseFromArray(reader.structure().data(), static_cast<int>(reader.structure().size())) ||
                structure.source() != source.text()) {
                throw Error{Fault::corrupt, "its structure is not one of this source"};
            }
            require_may_write(signer, source);
            if (needs_admin(structure) && &signer < admins_from) throw Error{Fault::denied, "it needs an admin's signature"};
            found.push_back(std::move(structure));
        } catch (const Error& error) {
            const bool of_this_object =
                error.fault() == Fault::corrupt || (error.fault() == Fault::denied && error.code_word() != "wrong_key");
            if (!of_this_object) throw;
            log_failure(LogLevel::error, source.text(), Error{error}.during(object.key.text() + " does not count"));
        }
    }
    co_return found;
}

Task<std::vector<format::NoteStructure>> OpenRepository::notes(SourceName source) {
    co_return co_await statements<format::NoteStructure>(std::move(source), "note", ObjectType::note);
}

Task<std::vector<format::EvidenceStructure>> OpenRepository::evidence(SourceName source) {
    co_return co_await statements<format::EvidenceStructure>(std::move(source), "evidence", ObjectType::evidence);
}

}  // namespace varve
