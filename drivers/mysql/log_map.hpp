/// Where a server's binlog files lie in the log of the archive. A lineage is a server's files end to end, from the first byte of
/// the one that it began with; a position counts its bytes. Pure.
///
/// A lineage's name is `SERVER:FILE:FINGERPRINT`: the server's own name, the file that it began with, and what tells that file
/// from another one of its name. `.2` and so on behind it: the log was begun anew in the same file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mysql/binlog_tracker.hpp"
#include "mysql/server.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

struct MappedFile {
    std::string name{};
    std::uint64_t begins_at = 0;  ///< position of its first byte
    Fingerprint fingerprint{};    ///< empty: not known
    friend bool operator==(const MappedFile&, const MappedFile&) = default;
};

/// A lineage and the newest of its files, in order.
struct LogMap {
    static constexpr std::size_t files_max = 16;

    LineageName lineage{};
    std::vector<MappedFile> files{};

    const MappedFile* find(const std::string& file) const noexcept;
    /// Of the file that `at` lies in; of two that meet there the earlier one, whose end it is. Nothing when it is not known.
    std::optional<BinlogPlace> find_place(std::uint64_t at) const;
    /// Puts `file` behind the others, or says more of one that is there.
    void put(MappedFile file);
    /// Where `place` lies; files behind the newest one known, and before the oldest one, are counted by their sizes, as the
    /// server tells them.
    std::optional<std::uint64_t> find_position(const BinlogPlace& place, const std::vector<BinlogFile>& on_server) const;
};

/// What a lineage's name says.
struct LineageParts {
    std::string server{};
    MappedFile first{};
    unsigned attempt = 1;
};
LineageName lineage_name(const LineageParts& parts);
/// Fault::invalid for a name of another driver's.
LineageParts parse_lineage(const LineageName& name);

/// Facts: "server", "flavour", "version", "files" (a line each: name, position of its first byte, fingerprint).
Lineage make_lineage(const LogMap& map, const ServerFacts& server);
/// The files that a lineage's facts tell of, and the one in its name.
LogMap map_of(const Lineage& lineage);

/// `binlog.000007:1097`, or the bare number where the lineage does not tell its file any more.
std::string print_place(const Lineage& lineage, std::uint64_t at);

LogPosition position_in(const LineageName& lineage, std::uint64_t at, const BinlogPlace& place);

}  // namespace varve::mysql
