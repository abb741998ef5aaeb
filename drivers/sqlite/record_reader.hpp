/// Records out of an archived log, one after the other.
#pragma once

#include <memory>
#include <optional>

#include "sqlite/record.hpp"
#include "varve/stream.hpp"

namespace varve::sqlite {

/// io thread. Holds about a block of the log, and what take() is asked for.
class RecordReader {
public:
    /// `log` begins with a record, at position `at`.
    RecordReader(std::unique_ptr<ByteSource> log, std::uint64_t at) : log_{std::move(log)}, at_{at} {}

    /// The next record's header; the last one's content must have been taken. Nothing at the end of the log, which may lie inside
    /// a header. Fault::corrupt when it is none.
    Task<std::optional<RecordHeader>> next_if_whole();
    /// Exactly `count` bytes. Fault::corrupt when the log ends before.
    Task<Bytes> take(std::uint64_t count);
    /// The rest of the record that next() gave; fewer where the log ends.
    Task<> skip_content();
    /// Where the next byte lies.
    std::uint64_t position() const noexcept { return at_; }

private:
    Task<bool> fill(std::uint64_t count);

    std::unique_ptr<ByteSource> log_;
    std::uint64_t at_;
    Bytes held_;
    std::size_t begin_ = 0;  ///< of what is not taken yet in held_
    std::uint64_t content_ = 0;
    bool ended_ = false;
};

}  // namespace varve::sqlite
