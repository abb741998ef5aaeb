/// Walks over an archived log, file after file, and tells its transactions: where each begins and ends, and its GTID. Pure; it
/// holds what it must understand and passes over the rest.
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

class BinlogWalk {
public:
    using Visit = std::function<void(const WalkedTransaction&)>;

    /// The log begins with the first byte of `file`, at position `at`.
    BinlogWalk(std::string file, std::uint64_t at);

    /// The next bytes of the log. Fault::corrupt when they are no log.
    void feed(ByteView bytes, const Visit& visit);
    /// All that began, in order.
    const std::vector<WalkedFile>& files() const noexcept { return files_; }
    /// Of everything before this position it is certain to which file it belongs.
    std::uint64_t certain() const noexcept { return at_ - held_.size(); }
    std::uint64_t at() const noexcept { return at_; }
    /// A position of the lineage as a place in a file.
    BinlogPlace place_of(std::uint64_t at) const;

private:
    struct Open {
        TransactionHead head;
        std::uint64_t at_begin = 0, at_end = 0;  ///< at_end: 0 when the head does not tell
    };

    void begin_file();
    void take_event(ByteView event, const Visit& visit);
    void end_transaction(std::uint64_t at_end, const Visit& visit);

    std::vector<WalkedFile> files_;
    std::uint64_t at_;
    bool before_magic_ = true;              ///< the file's first bytes come next
    Bytes held_;                            ///< of the event at hand, as far as it is needed
    std::uint64_t passed_over_ = 0;         ///< bytes that are left of an event which tells nothing
    std::optional<std::string> next_file_;  ///< as a ROTATE has named it
    bool has_checksums_ = true;
    std::optional<Open> transaction_;
};

}  // namespace varve::mysql
