#include "mysql/skip_preview.hpp"

#include <algorithm>
#include <array>

#include "mysql/scratch_folder.hpp"
#include "mysql/tools.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/process.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t transaction_bytes_max = 64U << 20;
constexpr std::uint64_t first_event_bytes_max = 4096;
constexpr std::size_t statement_max = 100, statements_max = 3;

struct Word {
    std::string_view prefix, verb;
};
constexpr std::array<Word, 3> words{
    {{"### INSERT INTO ", "inserted"}, {"### UPDATE ", "updated"}, {"### DELETE FROM ", "deleted"}}};

std::string without_quotes(std::string_view name) {
    std::string plain;
    for (const char c : name)
        if (c != '`') plain += c;
    return plain;
}

/// What a client would not call a change.
bool is_ceremony(std::string_view line) {
    static constexpr std::array<std::string_view, 11> beginnings{"#",        "/*M!",      "/*!",   "SET ", "BEGIN", "COMMIT",
                                                                 "ROLLBACK", "DELIMITER", "START", "XA ",  "use "};
    return line.empty() || std::ranges::any_of(beginnings, [&](auto beginning) { return line.starts_with(beginning); });
}

Task<Bytes> read_all(LogSource& log, LineageName lineage, std::uint64_t from, std::uint64_t to) {
    Bytes all;
    const auto source = log.read(std::move(lineage), from, to);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) append(all, block);
    co_return all;
}

/// The magic and the format event that the file begins with.
Bytes head_of(const Bytes& begin) {
    constexpr std::size_t length_at = binlog_magic_bytes + 9;
    if (begin.size() < length_at + 4) throw Error{Fault::corrupt, "a binlog file of the archive has no begin"};
    std::uint64_t length = 0;
    for (int i = 3; i >= 0; --i) length = length << 8 | begin[length_at + static_cast<std::size_t>(i)];
    if (begin.size() < binlog_magic_bytes + length) throw Error{Fault::corrupt, "a binlog file of the archive has no begin"};
    return to_bytes(ByteView{begin}.first(binlog_magic_bytes + length));
}

}  // namespace

void Summary::add(std::string_view verbose) {
    rest_ += verbose;
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
        add_line(std::string_view{rest_}.substr(begin, end - begin));
        begin = end + 1;
    }
    rest_.erase(0, begin);
}

void Summary::add_line(std::string_view line) {
    for (const auto& word : words)
        if (line.starts_with(word.prefix)) {
            ++rows_[{without_quotes(line.substr(word.prefix.size())), word.verb}];
            return;
        }
    if (is_ceremony(line) || statements_.size() == statements_max) return;
    statements_.push_back("\"" + std::string{line.substr(0, statement_max)} + (line.size() > statement_max ? "…" : "") + "\"");
}

std::string Summary::text() const {
    std::string told;
    for (const auto& [what, count] : rows_)
        told += (told.empty() ? "" : ", ") + what.first + " (" + std::to_string(count) + (count == 1 ? " row " : " rows ") +
                std::string{what.second} + ")";
    for (const auto& statement : statements_) told += (told.empty() ? "" : ", ") + statement;
    return told.empty() ? "nothing that can be shown" : told;
}

Task<std::string> touched_by(LogSource& log, const LineageName& lineage, WalkedTransaction one, std::uint64_t file_at,
                             bool mariadb, fs::path bin_dir, fs::path scratch, Pools& pools) {
    if (one.at_end - one.at_begin > transaction_bytes_max) co_return "too much to be shown";
    const auto begin = co_await read_all(log, lineage, file_at, std::min(file_at + first_event_bytes_max, one.at_end));
    auto content = head_of(begin);
    const auto body = co_await read_all(log, lineage, one.at_begin, one.at_end);
    append(content, body);
    auto show = [content = std::move(content), mariadb, bin_dir = std::move(bin_dir), scratch = std::move(scratch)] {
        const auto reader = mariadb ? tool(bin_dir, {"mariadb-binlog", "mysqlbinlog"}) : tool(bin_dir, {"mysqlbinlog"});
        const ScratchFolder folder{scratch};
        const auto file = folder.path() / "one-transaction.binlog";
        replace_file(file, content);
        Command command;
        command.arguments = {reader.string(), "--no-defaults", "--verbose", "--base64-output=DECODE-ROWS", file.string()};
        RunningCommand running{command};
        Summary summary;
        Bytes block(1U << 20);
        for (auto count = running.read(block); count > 0; count = running.read(block))
            summary.add(text_of(ByteView{block}.first(count)));
        const auto result = running.finish();
        if (result.exit_code != 0) throw command_error(command, result);
        return summary.text();
    };
    co_return co_await on_pool(pools.blocking, std::move(show));
}

}  // namespace varve::mysql
