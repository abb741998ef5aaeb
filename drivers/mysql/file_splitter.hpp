/// Cuts the log of a lineage into the binlog files that it was made of, byte for byte and by their names. Pure.
///
/// A file begins with its magic. Its end is told by nothing that is stored beside it: the events lie end to end, each says how
/// long it is and where it ends in its file; a ROTATE names the next file, and where a server died or was shut down instead, the
/// next magic stands in place of an event, and the next number in its name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mysql/binlog_event.hpp"
#include "varve/bytes.hpp"

namespace varve::mysql {

class FileSplitter {
public:
    /// Some bytes of one file.
    struct Part {
        std::string file{};
        std::uint64_t offset = 0;
        Bytes bytes{};
        bool ends_event = false;  ///< nothing of an event is left over
    };

    /// The log is given from where `file` begins.
    explicit FileSplitter(std::string file) : file_{std::move(file)} {}

    /// Everything that can be told of; up to an event's header may be kept for the next call. Fault::corrupt where the bytes are
    /// no binlog.
    std::vector<Part> feed(ByteView bytes);
    /// What was kept, when the log ends here.
    std::vector<Part> finish();

    const std::string& file() const noexcept { return file_; }
    std::uint64_t offset() const noexcept { return offset_; }

private:
    bool begin_event();
    void enter_next_file();
    void give(std::vector<Part>& parts, std::size_t count);

    std::string file_;
    std::uint64_t offset_ = 0;    ///< of what was given out
    bool at_begin_ = true;        ///< the magic comes next
    std::uint64_t in_event_ = 0;  ///< bytes of the event at hand that were not given out
    bool has_checksums_ = true;
    std::optional<std::string> next_file_;
    Bytes held_;
    std::size_t given_ = 0;  ///< of `held_`

    ByteView left() const noexcept { return ByteView{held_}.subspan(given_); }
};

/// The name that a server gives the file after this one.
std::string next_file_name(const std::string& name);

}  // namespace varve::mysql
