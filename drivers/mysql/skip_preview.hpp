/// What one archived transaction did, for a person who is about to leave it out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mysql/binlog_walk.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// `shop.ledger (5 rows deleted), shop.stock (5 rows updated)`, out of what `mysqlbinlog --verbose` prints, piece by piece: for a
/// large transaction that is much. Statements that are no changes of rows stand there as they are, cut short. Pure.
class Summary {
public:
    void add(std::string_view verbose);
    std::string text() const;

private:
    void add_line(std::string_view line);

    std::string rest_;  ///< of a line whose end has not come
    std::map<std::pair<std::string, std::string_view>, std::uint64_t> rows_;
    std::vector<std::string> statements_;
};

/// The same for the transaction `one` of `log`, whose file begins at `file_at`. Writes a small file below `scratch` and runs the
/// server's own program on it.
Task<std::string> touched_by(LogSource& log, const LineageName& lineage, WalkedTransaction one, std::uint64_t file_at,
                             bool mariadb, std::filesystem::path bin_dir, std::filesystem::path scratch, Pools& pools);

}  // namespace varve::mysql
