/// One stored object: clear header, sealed records, footer, signature. docs/repository-format.md, sections 3 and 4.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/keys.hpp"
#include "varve/bytes.hpp"

namespace varve {

enum class ObjectType : std::uint8_t { pack = 1, manifest, log, note, evidence, gc, audit, config, key_slot };

/// For whom objects of one source are sealed, and who signs them. Shared, unchanging, any thread.
struct SealingContext {
    RepositoryId repository{};
    std::vector<Recipient> recipients;    ///< restore, maintain, escrow
    std::optional<Secret> own_structure;  ///< the source's own-structure key: adds the archive wrap
    std::optional<Secret> signer;         ///< host key; needed for everything but packs
};

struct SealedObject {
    Bytes bytes;
    Digest name{};  ///< SHA-256 of bytes: what the key ends in
};

/// SHA-256 of an object, and of what the signature at its end covers: all but the signature itself. One pass over the bytes.
struct ObjectDigests {
    Digest whole{}, signed_part{};
};
ObjectDigests digests_of(ByteView object);

/// Where a sealed record lies in its object.
struct RecordPlace {
    std::uint32_t number = 0;
    std::uint32_t offset = 0;
    std::uint32_t sealed_length = 0;
};

/// Builds one object in memory. One thread at a time; reusable buffers stay with the writer.
class ObjectWriter {
public:
    /// Draws fresh keys and writes the clear header. `bytes_max` is reserved at once.
    ObjectWriter(ObjectType type, const SealingContext& context, std::size_t bytes_max);
    ~ObjectWriter();
    ObjectWriter(ObjectWriter&&) noexcept;
    ObjectWriter& operator=(ObjectWriter&&) noexcept;

    /// Seals one content record; zstd at `level` (0: raw), raw anyway when that saves less than 3 %.
    RecordPlace add(ByteView plain, int level);
    /// Seals one content record from bytes that are already encoded: codec 0 raw, 1 zstd.
    RecordPlace add_encoded(std::uint8_t codec, std::uint32_t plain_length, ByteView encoded);
    /// So far: header and content records.
    std::size_t size() const noexcept;
    std::uint32_t records() const noexcept;
    const std::vector<std::uint32_t>& sealed_lengths() const noexcept;
    /// The size the finished object would have with a structure message of `structure_bytes`.
    std::size_t finished_size(std::size_t structure_bytes) const noexcept;

    /// Seals the structure, adds footer and (unless a pack) signature. The writer is spent.
    SealedObject finish(ByteView structure);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Compresses one block for a record: gives codec and bytes. `level` 0 or a saving under 3 %: codec 0 and `plain` itself in
/// `into`.
std::uint8_t encode_block(ByteView plain, int level, Bytes& into);

/// The keys that can open objects: any subset.
struct OpeningKeys {
    std::vector<Secret> readers;          ///< X25519 private keys: restore, escrow, maintain
    std::optional<Secret> own_structure;  ///< archive role
};

/// Public keys whose signatures count, and what they may write. Checked by ObjectReader for all types but packs.
struct TrustedSigner {
    PublicKey key{};
    std::vector<std::string> sources;  ///< "*": all
};

/// Opens one object. The bytes must outlive the reader. Any thread, one at a time.
/// Fault::corrupt when bytes are not what was stored, Fault::denied when no key opens it (exit 12).
class ObjectReader {
public:
    ObjectReader(ByteView object, ObjectType expected, const RepositoryId& repository, const OpeningKeys& keys);
    ~ObjectReader();
    ObjectReader(ObjectReader&&) noexcept;

    /// Whether the keys open content records too.
    bool reads_content() const noexcept;
    /// The structure message, decrypted. Checks that the content records it names fill the object exactly.
    const Bytes& structure() const noexcept;
    std::uint32_t records() const noexcept;
    RecordPlace place(std::uint32_t number) const;
    /// One content record, decrypted and decompressed.
    Bytes content(std::uint32_t number) const;
    /// As content(), into a buffer that is reused.
    void content_into(std::uint32_t number, Bytes& into) const;
    /// Checks the signature against the signers; gives the signer. Fault::corrupt when bad, Fault::denied when unknown.
    const TrustedSigner& check_signature(std::span<const TrustedSigner> signers) const;
    /// As above, by whom has hashed the object already: `signed_part` is digests_of() it.
    const TrustedSigner& check_signature(std::span<const TrustedSigner> signers, const Digest& signed_part) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace varve
