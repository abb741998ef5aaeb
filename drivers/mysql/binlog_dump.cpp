#include "mysql/binlog_dump.hpp"

#include <mysql.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>

#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

constexpr unsigned fatal_log_error = 1236, same_server_id = 4052, same_server_id_mysql = 13114;
constexpr std::uint16_t do_not_wait = 1, send_annotations = 2;

ConnectionSettings with_silence(ConnectionSettings settings) {
    settings.silence_max = BinlogDump::silence_max;
    return settings;
}

std::string some_uuid() {
    std::random_device random;
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
    auto text = to_hex(bytes);
    for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, "-");
    return text;
}

/// Both flavours' words; neither minds the other's. Without the capability MariaDB rewrites its events for old replicas.
std::string session_variables() {
    const auto uuid = some_uuid();
    const auto beat = std::to_string(std::chrono::nanoseconds{BinlogDump::heartbeat}.count());
    return "SET @master_heartbeat_period = " + beat + ", @source_heartbeat_period = " + beat +
           ", @master_binlog_checksum = @@GLOBAL.binlog_checksum, @source_binlog_checksum = @@GLOBAL.binlog_checksum"
           ", @mariadb_slave_capability = 4, @slave_uuid = '" +
           uuid + "', @replica_uuid = '" + uuid + "', SESSION net_write_timeout = 600";
}

void put(Bytes& into, std::uint64_t number, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) into.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// 1236 stands for everything that can be wrong with a log; its text alone tells what.
Error error_of_log(unsigned number, const std::string& text, std::uint32_t server_id) {
    Error error = error_of_number(number, text);
    if (number == same_server_id || number == same_server_id_mysql || holds(text, "with the same server_uuid/server_id"))
        return Error{Fault::conflict, "another replica reads this server's log under the server id " + std::to_string(server_id)}
            .with("mysql_error", std::to_string(number))
            .with("server", text)
            .code("busy", 11)
            .hint(
                "Leave server_id out for this source, so that each connection takes a number of its own, or give it one that "
                "nobody has.");
    if (number != fatal_log_error) return error;
    const auto missing = [&](const std::string& sentence) {
        return Error{Fault::missing, sentence}.with("mysql_error", std::to_string(number)).with("server", text);
    };
    if (holds(text, "Could not find first log file")) return missing("the server does not have that binlog file any more");
    if (holds(text, "could not find next log")) return missing("the server's binlog was reset while it was read");
    if (holds(text, "impossible position") || holds(text, "position > file size"))
        return missing("the server's binlog file ends before what is archived of it");
    if (holds(text, "purged")) return missing("the server has purged the binlog that comes next");
    if (holds(text, "bogus data")) return missing("the server has other events in that binlog file than the archive");
    if (holds(text, "truncated in the middle")) return missing("the server's binlog file ends inside an event");
    if (holds(text, "max_allowed_packet"))
        return Error{Fault::invalid, "an event of the binlog is larger than max_allowed_packet lets the server send"}
            .with("server", text)
            .hint("SET GLOBAL max_allowed_packet = 1073741824, and the same in the server's configuration.");
    return Error{Fault::invalid, "the server cannot send its binlog"}.with("mysql_error", "1236").with("server", text);
}

}  // namespace

std::uint64_t BinlogDump::first_offset(std::uint64_t wanted) {
    const bool can_be_said = wanted > binlog_magic_bytes && wanted <= std::numeric_limits<std::uint32_t>::max();
    return can_be_said ? wanted : binlog_magic_bytes;
}

BinlogDump::BinlogDump(ConnectionSettings settings, const DumpRequest& request)
    : connection_{with_silence(std::move(settings))}, server_id_{request.server_id} {
    connection_.execute(session_variables());
    const bool annotations = connection_.is_mariadb();
    Bytes body;
    put(body, first_offset(request.from.offset), 4);
    put(body, (request.to_end ? do_not_wait : 0U) | (annotations ? send_annotations : 0U), 2);
    put(body, request.server_id, 4);
    append(body, view_of(request.from.file));
    auto* mysql = connection_.raw();
    const auto* text = reinterpret_cast<const char*>(body.data());
    if (mysql->methods->db_command(mysql, COM_BINLOG_DUMP, text, body.size(), 1, nullptr) != 0) throw error_of_session(mysql);
}

std::optional<ByteView> BinlogDump::next() {
    auto* mysql = connection_.raw();
    const auto length = mysql_net_read_packet(mysql);
    if ((length & packet_error) == packet_error) throw error_of_log(mysql_errno(mysql), mysql_error(mysql), server_id_);
    const ByteView packet{mysql->net.read_pos, length};
    if (packet.empty()) throw Error{Fault::unreachable, "the server sent an empty packet"};
    if (packet.front() == 0xfe && packet.size() < 9) return std::nullopt;
    if (packet.front() != 0) throw Error{Fault::unreachable, "the server sent a packet that is no event of its binlog"};
    return packet.subspan(1);
}

bool BinlogDump::is_drained() const {
    pollfd waited{.fd = static_cast<int>(mysql_get_socket(connection_.raw())), .events = POLLIN, .revents = 0};
    return ::poll(&waited, 1, 0) == 0;
}

std::uint32_t random_server_id() {
    std::random_device random;
    // Far from the small numbers that people give their servers.
    return std::uniform_int_distribution<std::uint32_t>{1U << 24, std::numeric_limits<std::uint32_t>::max() - 1}(random);
}

}  // namespace varve::mysql
