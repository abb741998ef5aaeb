/// Verifies the checksums of PostgreSQL's data pages while a file is read.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "varve/driver.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {

inline constexpr std::size_t page_bytes = 8192;

/// The checksum a page should carry (in its bytes 8 and 9, which do not count) as block `block` of its relation.
/// `page` has page_bytes bytes, aligned to 4.
std::uint16_t page_checksum(ByteView page, std::uint32_t block) noexcept;

/// What the name of a relation's file says.
struct RelationFile {
    std::string_view relation;  ///< the number in front: `16384`
    std::string_view fork;      ///< empty for the main fork, else `fsm`, `vm`, `init`
    std::uint32_t segment = 0;  ///< which part of the relation: the number after the dot
};
/// Nothing when `name` is not that of a permanent relation's file: `16384`, `16384_fsm`, `16384.1`, `16384_vm.2`.
std::optional<RelationFile> find_relation_file(std::string_view name) noexcept;
/// `t3_16384`, `t3_16384_fsm`, `t3_16384.1`: a temporary relation of some session.
bool is_temporary_relation(std::string_view name) noexcept;

/// Looks at one file of a relation. A page is good when its checksum is right, when it is all zeros (allocated, never
/// written), or when its LSN lies in the backup: then it may be torn, and its full image in the log repairs it. How far the
/// backup reaches is known at its end only, so the last judgement is the caller's.
class PageCheck final : public BlockCheck {
public:
    /// `first_block`: number of the file's first block in its relation.
    explicit PageCheck(std::uint32_t first_block) : first_block_{first_block} {}

    void look(std::uint64_t offset, ByteView bytes) override;

    /// A block that fails when it is read again. It is bad unless start <= lsn <= the backup's stop: then it may be torn.
    struct Suspect {
        std::uint32_t block = 0;  ///< in the file
        std::uint64_t lsn = 0;
    };
    /// Reads again what failed and gives, in order, what fails still. Blocks: use a pool. Once, when the file was read.
    std::vector<Suspect> confirm(const LocalFile& file);
    /// Whether confirm() would read anything.
    bool suspicious() const;

private:
    std::uint32_t first_block_;
    mutable std::mutex mutex_;
    std::vector<std::uint32_t> suspects_;  ///< numbers in the file, in any order
};

}  // namespace varve::postgresql
