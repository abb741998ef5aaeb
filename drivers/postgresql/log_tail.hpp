/// Tells whether a server's log is still the one that was archived. A server that was set back (a snapshot, a copied data
/// directory) writes another history under the same timeline and the same positions: once it is past what the archive has,
/// nothing but the bytes before that position tells the two apart.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "postgresql/lsn.hpp"
#include "varve/bytes.hpp"
#include "varve/names.hpp"

namespace varve::postgresql {

/// The last bytes of a stream. A value.
class LogTail {
public:
    /// What comes next; after a jump, what was held is forgotten.
    void feed(Lsn at, ByteView bytes);
    /// SHA-256, in hex, of the log from the start of the page that holds the byte before `at`; nothing when it is not held.
    std::optional<std::string> find_digest(Lsn at) const;

private:
    Lsn begin_ = 0;
    Bytes held_;  ///< what was fed last, and the page before it
};

/// What a log ended in where it was durable last.
struct TailMark {
    LineageName lineage;
    Lsn at = 0;
    std::string digest;  ///< as LogTail gives it
};

/// Nothing when there is none or it cannot be read: then nothing is compared. Blocks: use a pool.
std::optional<TailMark> find_tail_mark(const std::filesystem::path& file);
void keep_tail_mark(const std::filesystem::path& file, const TailMark& mark);

}  // namespace varve::postgresql
