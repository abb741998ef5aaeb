/// The clear header: who may open an object, and with which keys. docs/repository-format.md, section 3.
/// For the files of this folder.
#pragma once

#include <vector>

#include "format/envelope.hpp"

namespace varve {

inline constexpr std::array<std::uint8_t, 8> object_magic{0x56, 0x41, 0x52, 0x56, 0x45, 0x0D, 0x0A, 0x1A};
inline constexpr std::uint16_t format_version = 1;
inline constexpr std::uint8_t suite_1 = 1;
inline constexpr std::size_t fixed_header_bytes = 65;  ///< up to and with the number of wraps
inline constexpr std::size_t salted_header_bytes = 64;

/// Fresh for every object.
struct ObjectKeys {
    Secret content;
    Secret structure;
};

/// The first 65 bytes, for a header of `header_bytes` in all.
Bytes write_fixed_header(ObjectType type, const RepositoryId& repository, std::uint32_t header_bytes, const PublicKey& ephemeral,
                         std::uint8_t wraps);
Bytes write_header(ObjectType type, const SealingContext& context, const ObjectKeys& keys);

struct Wrap {
    Role role = Role::restore;
    KeyId recipient{};
    ByteView sealed;
};

/// Views into the object.
struct ClearHeader {
    ByteView whole;
    ObjectType type = ObjectType::pack;
    RepositoryId repository{};
    PublicKey ephemeral{};
    std::vector<Wrap> wraps;
    ByteView content_commit, structure_commit;  ///< empty in a config object
};

/// Fault::corrupt when it is not a header, Fault::unsupported for another format version or suite.
ClearHeader parse_header(ByteView object);

struct OpenedKeys {
    std::optional<Secret> content;  ///< for restore and escrow
    Secret structure;
};
/// Opens the wrap that gives most and checks the commits. Fault::denied when no wrap is for these keys, else Fault::corrupt.
OpenedKeys open_header(const ClearHeader& header, const OpeningKeys& keys);

}  // namespace varve
