#include "mysql/file_head.hpp"

#include "mysql/binlog_dump.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

Fingerprint ask_fingerprint(const ConnectionSettings& settings, const std::string& file) {
    BinlogDump dump{settings, {.from = {file, binlog_magic_bytes}, .server_id = random_server_id(), .to_end = true}};
    BinlogTracker tracker{{.place = {file, 0}, .gtids = {}}};
    while (const auto event = dump.next()) {
        tracker.feed(*event, std::nullopt);
        for (const auto& piece : tracker.take())
            if (piece.fingerprint) return *piece.fingerprint;
    }
    throw Error{Fault::unreachable, "the binlog file " + file + " has not begun yet"};
}

}  // namespace varve::mysql
