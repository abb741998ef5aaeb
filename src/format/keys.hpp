/// Keys and the roles that hold them. docs/repository-format.md, section 2.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "varve/bytes.hpp"
#include "varve/check.hpp"
#include "varve/names.hpp"

namespace varve {

using RepositoryId = std::array<std::uint8_t, 16>;
using PublicKey = std::array<std::uint8_t, 32>;
using KeyId = std::array<std::uint8_t, 8>;

/// 32 secret bytes, wiped when they go. Copies are secrets too.
class Secret {
public:
    Secret() = default;
    explicit Secret(ByteView bytes);  ///< Fault::invalid unless there are 32
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    ~Secret();
    static Secret random();
    ByteView view() const noexcept { return bytes_; }

private:
    std::array<std::uint8_t, 32> bytes_{};
};

enum class Role : std::uint8_t { restore = 1, maintain = 2, archive = 3, escrow = 4 };

PublicKey x25519_public(const Secret& private_key);
PublicKey ed25519_public(const Secret& seed);
KeyId key_id_of(const PublicKey& key);

/// Whoever may open an object with an X25519 key.
struct Recipient {
    Role role = Role::restore;
    PublicKey key{};
};

/// What one source's keys are, derived from the archive key.
struct SourceKeys {
    Secret id;         ///< chunk ids
    Secret chunker;    ///< where content-defined cuts fall
    Secret name;       ///< names in object keys
    Secret structure;  ///< the agent's own wrap
    KeyId structure_id() const;
};
SourceKeys derive_source_keys(const Secret& archive, const RepositoryId& repository, const SourceName& source);

/// `<source>` and `<lineage>` as they stand in object keys: 32 hex digits.
std::string stored_name(const SourceKeys& keys, const SourceName& source);
std::string stored_name(const SourceKeys& keys, const LineageName& lineage);

/// The roles this host holds: varve.keys or a recovery kit.
struct KeyRing {
    RepositoryId repository{};
    std::string host_name;
    std::optional<Secret> archive, restore, maintain, escrow, host, admin;

    /// From the TOML text of a keys file. Fault::invalid with what and where.
    static KeyRing parse(const std::string& text, const std::string& place);
    std::string print() const;
    /// Fault::denied, naming the role and what it is needed for.
    const Secret& require(const std::optional<Secret>& key, const std::string& role, const std::string& purpose) const;
};

std::array<std::uint8_t, 64> ed25519_sign(const Secret& seed, ByteView message);
bool ed25519_verify(const PublicKey& key, ByteView message, ByteView signature);
Bytes hkdf_sha256(ByteView key, ByteView salt, ByteView info, std::size_t length);
void random_bytes(std::span<std::uint8_t> into);

}  // namespace varve
