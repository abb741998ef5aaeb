#include "repository/object_check.hpp"

#include <algorithm>

#include "format/config_object.hpp"
#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

bool is_about_object(const Error& error) {
    if (!error.context().contains("object")) return false;
    return error.fault() == Fault::corrupt || error.fault() == Fault::missing || error.fault() == Fault::denied ||
           error.fault() == Fault::unsupported;
}

Task<ObjectLens> make_lens(Repository& repository, std::optional<SourceName> source) {
    const auto& ring = repository.keys();
    if (!ring.escrow) ring.require(ring.restore, "restore", "looking into content");
    ObjectLens lens{.repository = ring.repository,
                    .keys = repository.opening(source.value_or(SourceName{})),
                    .hosts = repository.signers(),
                    .statements = repository.signers(),
                    .id_key = {}};
    for (const auto& text : repository.config().admins()) {
        TrustedSigner admin{.key = {}, .sources = {"*"}};
        if (text.size() == admin.key.size()) std::ranges::copy(view_of(text), admin.key.begin());
        lens.statements.push_back(std::move(admin));
    }
    if (!source) co_return lens;
    if (ring.archive) {
        lens.id_key = repository.source_keys(*source).id;
        co_return lens;
    }
    for (const auto& name : co_await repository.backups(*source)) {
        try {
            const auto manifest = co_await repository.manifest(*source, name);
            if (!manifest.content) continue;
            lens.id_key.emplace(view_of(manifest.content->id_key()));
            break;
        } catch (const Error& error) {
            if (!is_about_object(error)) throw;  // found again, and counted, when it is looked at by itself
        }
    }
    co_return lens;
}

namespace {

void check_pack(const ObjectReader& reader, const ObjectLens& lens) {
    format::PackStructure structure;
    const bool readable = structure.ParseFromArray(reader.structure().data(), static_cast<int>(reader.structure().size()));
    const auto ids = view_of(structure.chunk_ids());
    if (!readable || ids.size() != reader.records() * sizeof(ChunkId)) {
        throw Error{Fault::corrupt, "the pack's table does not fit its records"};
    }
    Bytes plain;
    for (std::uint32_t i = 0; i < reader.records(); ++i) {
        reader.content_into(i, plain);
        if (!lens.id_key) continue;
        const auto id = hmac_sha256(lens.id_key->view(), plain);
        if (!std::ranges::equal(id, ids.subspan(i * id.size(), id.size()))) {
            throw Error{Fault::corrupt, "chunk " + std::to_string(i) + " of the pack is not the one its table names"};
        }
    }
}

std::optional<ObjectType> find_type(const ObjectKey& key) {
    const auto top = key.text().substr(0, key.text().find('/'));
    if (top == "pack") return ObjectType::pack;
    if (top == "backup") return ObjectType::manifest;
    if (top == "log") return ObjectType::log;
    if (top == "note") return ObjectType::note;
    if (top == "evidence") return ObjectType::evidence;
    return std::nullopt;
}

}  // namespace

void look_into(const ObjectKey& key, ByteView bytes, const ObjectLens& lens) {
    if (key.text().starts_with("config/")) {
        parse_config(bytes);  // who may sign it was asked when the repository was opened
        return;
    }
    const auto type = find_type(key);
    if (!type) return;
    const ObjectReader reader{bytes, *type, lens.repository, lens.keys};
    if (*type == ObjectType::pack) {
        check_pack(reader, lens);
        return;
    }
    const bool statement = *type == ObjectType::note || *type == ObjectType::evidence;
    reader.check_signature(statement ? lens.statements : lens.hosts);
    Bytes plain;
    for (std::uint32_t i = 0; i < reader.records(); ++i) reader.content_into(i, plain);
}

}  // namespace varve
