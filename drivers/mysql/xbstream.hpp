/// The stream that mariadb-backup and xtrabackup print: files in pieces, those of several files in turn. A pure decoder over
/// whatever gives the bytes; it holds one piece.
///
///     piece:  "XBSTCK01"  flags 1  kind 1  path length 4  path
///             kind 'P':  length 8  offset 8  CRC-32 4  content       kind 'E': the file ends here      (little-endian)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "varve/bytes.hpp"

namespace varve::mysql {

struct XbstreamEvent {
    enum class Kind { content, end_of_file };
    Kind kind = Kind::content;
    std::string path;  ///< relative; never leads out of the backup
    Bytes content;     ///< goes on where the file's last content ended
};

class XbstreamReader {
public:
    /// Fills all of a span, less only at the end of the stream: the count.
    using Fill = std::function<std::size_t(std::span<std::uint8_t>)>;

    explicit XbstreamReader(Fill fill) : fill_{std::move(fill)} {}

    /// Nothing at the end of the stream. Content comes in blocks that end at multiples of 4 MiB of their file. Fault::corrupt for
    /// what is no such stream, or ends within a piece or a file, or leads out of the backup; Fault::unsupported for kinds of
    /// pieces that are not known and may not be passed over.
    std::optional<XbstreamEvent> next();

private:
    bool read_piece_header();
    XbstreamEvent read_content();
    void require(std::span<std::uint8_t> into);

    Fill fill_;
    std::string path_;                            ///< of the piece at hand
    std::uint64_t content_left_ = 0;              ///< of it
    bool ends_file_ = false;                      ///< the piece at hand says so
    std::map<std::string, std::uint64_t> files_;  ///< open ones, and how much came of each
};

}  // namespace varve::mysql
