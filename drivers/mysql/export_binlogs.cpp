#include "mysql/export_binlogs.hpp"

#include "mysql/binlog_files.hpp"
#include "mysql/log_map.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

Task<std::vector<ExportedFile>> export_binlogs(std::filesystem::path to, LogSource& log, Pools& pools) {
    const auto& stretch = log.path().at(0);
    BinlogWalk walk{parse_lineage(stretch.lineage.name).first.name, stretch.from};
    BinlogFileWriter writer{to};
    const BinlogWalk::Visitor visitor{.transaction = {}, .bytes = [&](const WalkedBytes& part) { writer.write(part); }};
    co_await on_pool(pools.blocking, [to] { make_directories(to); });
    const auto source = log.read(stretch.lineage.name, stretch.from, stretch.to);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read())
        co_await on_pool(pools.blocking, [&] { walk.feed(block, visitor); });
    co_await on_pool(pools.blocking, [&] {
        walk.finish(visitor);
        writer.sync();
        fsync_directory(to);
    });
    co_return writer.files();
}

}  // namespace varve::mysql
