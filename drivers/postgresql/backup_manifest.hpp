/// The server's list of what it sent in BASE_BACKUP (`backup_manifest`), and whether all of it arrived. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace varve::postgresql {

struct ManifestFile {
    std::string path;  ///< relative to the data directory: `base/5/1259`, `pg_tblspc/16384/PG_15_202209061/5/16385`
    std::uint64_t size = 0;
    std::string crc32c;  ///< lower-case hexadecimal, as the server writes it
};

/// Fault::corrupt when the text does not match its own checksum or cannot be read.
std::vector<ManifestFile> parse_backup_manifest(std::string_view text);

/// CRC-32C as a manifest has it: the bytes of the number in the order of a little-endian machine.
std::string manifest_crc(std::uint32_t crc);

/// What was received, to be held against the manifest.
class ReceivedFiles {
public:
    void add(std::string path, std::uint64_t size, std::uint32_t crc) { files_[std::move(path)] = {size, crc}; }
    /// Fault::corrupt, naming the first file that is missing or other than the server sent it.
    void check(const std::vector<ManifestFile>& manifest) const;

private:
    struct File {
        std::uint64_t size;
        std::uint32_t crc;
    };
    std::map<std::string, File> files_;
};

}  // namespace varve::postgresql
