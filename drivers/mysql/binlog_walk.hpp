/// Walks over an archived log: cuts it into the binlog files that it was made of, byte for byte and by their names, and tells its
/// transactions, where each begins and ends, and its GTID. Pure; it holds what it must understand and passes over the rest.
///
/// A file begins with its magic. Its end is told by nothing that is stored beside it: the events lie end to end, each says how
/// long it is and where it ends in its file; a ROTATE names the next file, and where a server died or was shut down instead, the
/// next magic stands in place of an event, and the next number in its name.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mysql/binlog_event.hpp"

namespace varve::mysql {

struct WalkedTransaction {
    std::string file;
    std::uint64_t begin = 0, end = 0;        ///< offsets in the file
    std::uint64_t at_begin = 0, at_end = 0;  ///< positions in the lineage
    std::optional<MariadbGtid> mariadb{};
    std::optional<MysqlGtid> mysql{};

    std::string gtid() const;  ///< as the engine prints it; empty: it has none
};

struct WalkedFile {
    std::string name;
    std::uint64_t at = 0;  ///< position of its first byte
};

/// Consecutive bytes of one file; valid within the call.
struct WalkedBytes {
    const WalkedFile& file;
    std::uint64_t at;  ///< position of the first of them
    ByteView bytes;
};

class BinlogWalk {
public:
    struct Visitor {
        std::function<void(const WalkedTransaction&)> transaction{};
        std::function<void(const WalkedBytes&)> bytes{};  ///< all of the log, in order
    };

    /// The log begins with the first byte of `file`, at position `at`.
    BinlogWalk(std::string file, std::uint64_t at);

    /// The next bytes of the log; up to the head of an event is kept for the next call. Fault::corrupt when they are no log.
    void feed(ByteView bytes, const Visitor& visitor);
    /// The log ends here: what was kept of an event that is not whole.
    void finish(const Visitor& visitor);
    /// All that began, in order.
    const std::vector<WalkedFile>& files() const noexcept { return files_; }
    std::uint64_t at() const noexcept { return at_; }
    /// A position of the lineage as a place in a file.
    BinlogPlace place_of(std::uint64_t at) const;

private:
    struct Open {
        TransactionHead head;
        std::uint64_t at_begin = 0, at_end = 0;  ///< at_end: 0 when the head does not tell
    };

    void take_head(const Visitor& visitor);
    void begin_file(const Visitor& visitor);
    void pass(ByteView bytes, const Visitor& visitor);
    void take_event(const Visitor& visitor);
    void end_transaction(std::uint64_t at_end, const Visitor& visitor);
    std::uint64_t offset() const noexcept { return at_ - files_.back().at; }

    std::vector<WalkedFile> files_;
    std::uint64_t at_;                      ///< the end of what is certain to which file it belongs
    bool before_magic_ = true;              ///< the first file's first bytes come next
    Bytes held_;                            ///< of the event at hand, as far as it is needed
    std::uint64_t wanted_ = 0;              ///< bytes that are left of an event which is looked at as a whole
    std::uint64_t passed_over_ = 0;         ///< bytes that are left of one which tells nothing
    std::optional<std::string> next_file_;  ///< as a ROTATE has named it
    bool has_checksums_ = true;
    std::optional<Open> transaction_;
};

}  // namespace varve::mysql
