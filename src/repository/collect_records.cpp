// The collector's records: small signed objects, each of one copy.
#include <algorithm>

#include "repository/config_chain.hpp"
#include "repository/object_keys.hpp"
#include "repository/open_repository.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

class Records final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        objects.push_back(object);
        return true;
    }
    std::vector<ObjectInfo> objects;
};

/// Whether a failure says something of this record alone.
bool is_of_record(const Error& error) {
    return error.fault() == Fault::corrupt || (error.fault() == Fault::denied && error.code_word() != "wrong_key");
}

}  // namespace

Task<std::vector<Repository::CollectRecord>> OpenRepository::collect_records(Copy copy, std::string kind) {
    Records listed;
    co_await copy.store->list("gc/" + kind + "/", {}, listed);
    std::vector<CollectRecord> records;
    for (const auto& object : listed.objects) {
        const auto key = find_collect_key(kind, object.key);
        if (!key) {
            report_once(object.key);
            continue;
        }
        const auto bytes = co_await copy.store->get(object.key);
        auto read = [&]() -> CollectRecord {
            const auto digests = digests_of(bytes);
            if (digests.whole != key->name) throw Error{Fault::corrupt, "its SHA-256 is not the one in its name"};
            const ObjectReader reader{bytes, ObjectType::gc, keys_.repository, opening_of_records()};
            const auto& signer = reader.check_signature(statement_signers_, digests.signed_part);
            CollectRecord record{.key = object.key,
                                 .time = {},
                                 .by_admin = &signer >= statement_signers_.data() + signers_.size(),
                                 .structure = {}};
            auto& structure = record.structure;
            if (!structure.ParseFromArray(reader.structure().data(), static_cast<int>(reader.structure().size())) ||
                structure.kind() != kind)
                throw Error{Fault::corrupt, "its structure is not that of such a record"};
            for (const auto& source : structure.sources()) require_may_write(signer, SourceName{source.source()});
            record.time = std::max(from_format(structure.time()), object.stored_at);
            return record;
        };
        try {
            records.push_back(co_await on_pool(pools_.cpu, read));
        } catch (const Error& error) {
            if (!is_of_record(error)) throw;
            log_failure(LogLevel::error, copy.name.text(), Error{error}.during(object.key.text() + " does not count"));
        }
    }
    std::ranges::sort(records, [](const auto& a, const auto& b) { return std::tie(a.time, a.key) < std::tie(b.time, b.key); });
    co_return records;
}

/// They are of several sources at once: the archive role, which is one source's, does not open them.
OpeningKeys OpenRepository::opening_of_records() const {
    OpeningKeys opening;
    for (const auto& key : {keys_.restore, keys_.escrow, keys_.maintain})
        if (key) opening.readers.push_back(*key);
    return opening;
}

Task<Repository::CollectRecord> OpenRepository::put_collect_record(Copy copy, format::CollectStructure record, Signer signer) {
    require_writable(config_);
    require_collectable(config_);
    const bool by_admin = signer == Signer::admin || !keys_.host;
    const auto& key = by_admin ? keys_.require(keys_.admin, "admin", "approving what the brakes stop")
                               : keys_.require(keys_.host, "host", "collecting");
    record.set_host(keys_.host_name);
    record.set_tool_version(VARVE_VERSION);
    if (record.time() == 0) record.set_time(to_format(co_await copy.store->now()));
    const SealingContext context{.repository = keys_.repository, .recipients = recipients_, .own_structure = {}, .signer = key};
    const auto text = record.SerializeAsString();
    ObjectWriter writer{ObjectType::gc, context, text.size() + 1024};
    const auto object = writer.finish(view_of(text));
    const auto time = from_format(record.time());
    const auto at = collect_key(record.kind(), time, object.name);
    co_await copy.store->put(at, object.bytes);
    co_await copy.store->barrier();
    co_return CollectRecord{.key = at, .time = time, .by_admin = by_admin, .structure = std::move(record)};
}

}  // namespace varve
