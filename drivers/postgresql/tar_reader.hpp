/// Reads the plain ustar that PostgreSQL sends in BASE_BACKUP, pushed in blocks cut anywhere. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "varve/bytes.hpp"

namespace varve::postgresql {

struct TarMember {
    enum class Kind { file, directory, symlink };
    std::string name;  ///< without a trailing slash
    Kind kind = Kind::file;
    std::uint64_t size = 0;
    std::uint32_t mode = 0, uid = 0, gid = 0;
    std::int64_t mtime_seconds = 0;
    std::string link_target;
};

/// The next thing in the archive: a member's beginning, some of its content, or its end.
struct TarEvent {
    enum class Kind { member, content, end_of_member };
    Kind kind = Kind::member;
    TarMember member;
    Bytes content;
};

class TarReader {
public:
    void feed(ByteView bytes);
    /// Nothing: feed more. Fault::corrupt for a header whose checksum is wrong; Fault::unsupported for kinds that no base backup
    /// has. Content comes as it was fed.
    std::optional<TarEvent> next();
    /// Whether the archive may end here: the server leaves out the two empty blocks at the end of some.
    bool at_end() const noexcept { return content_left_ == 0 && padding_left_ == 0 && !in_member_ && held_.size() == at_; }

private:
    std::optional<TarEvent> read_header();

    Bytes held_;
    std::size_t at_ = 0;  ///< consumed of held_
    bool in_member_ = false;
    std::uint64_t content_left_ = 0, padding_left_ = 0;
};

}  // namespace varve::postgresql
