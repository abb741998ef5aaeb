// Manifests and log objects: opened, checked against their key and their signature.
#include <algorithm>

#include "repository/object_keys.hpp"
#include "repository/open_repository.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

template <class Structure>
Structure checked_structure(const ObjectReader& reader, const Digest& signed_part, std::span<const TrustedSigner> signers,
                            const SourceName& source) {
    const auto& signer = reader.check_signature(signers, signed_part);
    Structure structure;
    if (!structure.ParseFromArray(reader.structure().data(), static_cast<int>(reader.structure().size()))) {
        throw Error{Fault::corrupt, "its structure cannot be read"};
    }
    if (structure.source() != source.text()) throw Error{Fault::corrupt, "it belongs to the source " + structure.source()};
    require_may_write(signer, source);
    return structure;
}

/// Does `work` where it may take long, and says which object it was when it fails.
template <class Work>
auto on_object(asio::thread_pool& pool, ObjectKey key, Work work) -> Task<std::invoke_result_t<Work>> {
    try {
        co_return co_await on_pool(pool, std::move(work));
    } catch (Error& error) {
        throw error.during("reading " + key.text()).with("object", key.text());
    }
}

}  // namespace

Task<Repository::Manifest> OpenRepository::manifest(SourceName source, BackupName name) {
    const auto object = co_await copies_->get_signed(name.key);
    auto read = [&]() -> Manifest {
        const ObjectReader reader{object.bytes, ObjectType::manifest, keys_.repository, opening(source)};
        Manifest manifest{.name = name,
                          .structure = checked_structure<format::ManifestStructure>(reader, object.signed_part, signers_, source),
                          .content = {}};
        if (to_stamp(from_format(manifest.structure.start_time())) != to_stamp(name.start) ||
            manifest.structure.tiers() != name.tiers) {
            throw Error{Fault::corrupt, "it is stored under the name of another backup"};
        }
        if (!reader.reads_content()) return manifest;
        const auto message = reader.content(0);
        manifest.content.emplace();
        if (!manifest.content->ParseFromArray(message.data(), static_cast<int>(message.size()))) {
            throw Error{Fault::corrupt, "its content cannot be read"};
        }
        return manifest;
    };
    co_return co_await on_object(pools_.cpu, name.key, read);
}

namespace {

/// Whoever cuts frames by position relies on this.
void require_frames_fit(const format::LogStructure& structure, const std::vector<Bytes>& frames) {
    auto position = structure.from();
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (structure.frame_from(static_cast<int>(i)) != position)
            throw Error{Fault::corrupt, "its frames do not lie end to end"};
        position += frames[i].size();
    }
    if (position != structure.to()) throw Error{Fault::corrupt, "its frames do not reach to its end"};
}

}  // namespace

Task<Repository::LogObject> OpenRepository::log_object(SourceName source, LogName name, LogPart part) {
    const auto object = co_await copies_->get_signed(name.key);
    auto open = [&]() -> LogObject {
        const ObjectReader reader{object.bytes, ObjectType::log, keys_.repository, opening(source)};
        LogObject read{.structure = checked_structure<format::LogStructure>(reader, object.signed_part, signers_, source),
                       .frames = {}};
        const auto& structure = read.structure;
        if (structure.from() != name.from || structure.to() != name.to)
            throw Error{Fault::corrupt, "its key gives other positions"};
        if (static_cast<std::uint32_t>(structure.frame_from_size()) != reader.records() ||
            structure.moment_positions_size() != structure.moment_times_size()) {
            throw Error{Fault::corrupt, "its structure does not fit its frames"};
        }
        for (std::uint32_t i = 0; part == LogPart::content && i < reader.records(); ++i) read.frames.push_back(reader.content(i));
        if (part == LogPart::content) require_frames_fit(structure, read.frames);
        return read;
    };
    co_return co_await on_object(pools_.cpu, name.key, open);
}

}  // namespace varve
