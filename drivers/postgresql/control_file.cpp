#include "postgresql/control_file.hpp"

#include <bit>
#include <chrono>
#include <cstring>
#include <thread>

#include "varve/check.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

static_assert(std::endian::native == std::endian::little, "pg_control is read in the byte order of the server");

// Where the fields lie. The layout of 13 to 18 differs in one place only: 18 put `default_char_signedness` before the nonce.
// (17 added the checkpoint's wal_level in a hole of the struct.)
namespace at {
constexpr std::size_t system_identifier = 0, control_version = 8, catalog_version = 12, state = 16, checkpoint = 32, redo = 40,
                      timeline = 48, min_recovery_point = 136, min_recovery_timeline = 144, max_connections = 180,
                      max_worker_processes = 184, max_wal_senders = 188, max_prepared = 192, max_locks = 196, float_format = 208,
                      block_bytes = 216, relation_segment_blocks = 220, wal_segment_bytes = 228, data_checksum_version = 252;
}  // namespace at

constexpr std::size_t crc_offset(std::uint32_t control_version) { return control_version >= 1800 ? 292 : 288; }

template <class T>
T field(ByteView bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

void check_version(std::uint32_t version) {
    if (version == 1300 || version == 1700 || version == 1800) return;
    const auto swapped = std::byteswap(version);
    const bool other_byte_order = swapped >= 900 && swapped < 4000;
    throw Error{Fault::unsupported,
                other_byte_order ? "pg_control has the byte order of another kind of machine"
                                 : "pg_control has version " + std::to_string(version) + ", this build knows 1300, 1700 and 1800"}
        .hint("PostgreSQL 13 to 18 are supported.");
}

}  // namespace

ControlFile parse_control_file(ByteView bytes) {
    if (bytes.size() < 512) throw Error{Fault::corrupt, "pg_control has " + std::to_string(bytes.size()) + " bytes only"};
    ControlFile control;
    control.control_version = field<std::uint32_t>(bytes, at::control_version);
    check_version(control.control_version);
    const auto crc_at = crc_offset(control.control_version);
    if (crc32c(bytes.first(crc_at)) != field<std::uint32_t>(bytes, crc_at))
        throw Error{Fault::corrupt, "pg_control does not match its CRC"};
    if (field<double>(bytes, at::float_format) != 1234567.0)
        throw Error{Fault::unsupported, "pg_control has the number format of another kind of machine"};

    control.system_identifier = field<std::uint64_t>(bytes, at::system_identifier);
    control.catalog_version = field<std::uint32_t>(bytes, at::catalog_version);
    control.state = static_cast<ClusterState>(field<std::uint32_t>(bytes, at::state));
    control.checkpoint = field<std::uint64_t>(bytes, at::checkpoint);
    control.redo = field<std::uint64_t>(bytes, at::redo);
    control.timeline = field<std::uint32_t>(bytes, at::timeline);
    control.min_recovery_point = field<std::uint64_t>(bytes, at::min_recovery_point);
    control.min_recovery_timeline = field<std::uint32_t>(bytes, at::min_recovery_timeline);
    control.max_connections = field<std::uint32_t>(bytes, at::max_connections);
    control.max_worker_processes = field<std::uint32_t>(bytes, at::max_worker_processes);
    control.max_wal_senders = field<std::uint32_t>(bytes, at::max_wal_senders);
    control.max_prepared_transactions = field<std::uint32_t>(bytes, at::max_prepared);
    control.max_locks_per_transaction = field<std::uint32_t>(bytes, at::max_locks);
    control.block_bytes = field<std::uint32_t>(bytes, at::block_bytes);
    control.relation_segment_blocks = field<std::uint32_t>(bytes, at::relation_segment_blocks);
    control.wal_segment_bytes = field<std::uint32_t>(bytes, at::wal_segment_bytes);
    control.data_checksum_version = field<std::uint32_t>(bytes, at::data_checksum_version);
    return control;
}

ControlFile read_control_file(const std::filesystem::path& data_directory, Bytes* raw) {
    const auto path = data_directory / "global" / "pg_control";
    for (int attempt = 1;; ++attempt) {
        auto bytes = read_file(path, control_file_bytes);
        try {
            auto control = parse_control_file(bytes);
            if (raw != nullptr) *raw = std::move(bytes);
            return control;
        } catch (Error& error) {
            // The server overwrites the file in place; a read may fall into the middle of a write.
            if (error.fault() != Fault::corrupt || attempt == 50) {
                error.during("reading " + path.string());
                throw;
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

}  // namespace varve::postgresql
