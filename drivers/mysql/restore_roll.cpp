#include "mysql/restore_roll.hpp"

#include <algorithm>

#include "mysql/binlog_files.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

/// Positions [first, second) of the log.
using Stretch = std::pair<std::uint64_t, std::uint64_t>;

/// Calls `write` for what of `part` lies outside of `without`.
void write_without(const WalkedBytes& part, Stretch without, const std::function<void(const WalkedBytes&)>& write) {
    const auto end = part.at + part.bytes.size();
    const auto put = [&](std::uint64_t from, std::uint64_t to) {
        if (from < to) write({.file = part.file, .at = from, .bytes = part.bytes.subspan(from - part.at, to - from)});
    };
    put(part.at, std::clamp(without.first, part.at, end));
    put(std::clamp(without.second, part.at, end), end);
}

/// Where the transaction that is left out lies.
Task<std::optional<Stretch>> find_without(const StageOrder& order, LogSource& log) {
    if (order.without.empty()) co_return std::nullopt;
    std::optional<Stretch> found;
    const auto begin = order.base_stop.at - order.base.position;
    BinlogWalk walk{order.base.file, begin};
    const auto look = [&](const WalkedTransaction& one) {
        if (one.gtid() == order.without) found = Stretch{one.at_begin, one.at_end};
    };
    const auto source = log.read(order.to.lineage, begin, order.to.at);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read())
        walk.feed(block, {.transaction = look, .bytes = {}});
    if (!found) throw Error{Fault::missing, "the transaction " + order.without + " is not in the log to be applied"};
    co_return found;
}

/// Whether the log goes past `place`, and no transaction ends there: then it is a place of another log.
Task<bool> is_no_commit(const BinlogPlace& place, const StageOrder& order, LogSource& log) {
    bool is_commit = false, is_passed = false;
    const auto begin = order.base_stop.at - order.base.position;
    BinlogWalk walk{order.base.file, begin};
    const auto look = [&](const WalkedTransaction& one) {
        is_commit = is_commit || (one.file == place.file && one.end == place.offset);
    };
    const auto source = log.read(order.to.lineage, begin, order.to.at);
    for (auto block = co_await source->read(); !is_passed && !block.empty(); block = co_await source->read()) {
        walk.feed(block, {.transaction = look, .bytes = {}});
        const auto file = std::ranges::find(walk.files(), place.file, &WalkedFile::name);
        is_passed = file != walk.files().end() && walk.at() >= file->at + place.offset;
    }
    co_return is_passed && !is_commit;
}

}  // namespace

AppliedGtids::AppliedGtids(bool mariadb, std::string_view text) : mariadb_{mariadb} {
    if (!mariadb) {
        set_ = GtidSet::parse(text);
        return;
    }
    while (!text.empty()) {
        const auto one = GtidState::parse(text.substr(0, text.find(',')));
        const auto word = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        const auto domain = static_cast<std::uint32_t>(std::stoul(std::string{word}));
        if (const auto last = one.find_last(domain)) last_[domain] = *last;
    }
}

void AppliedGtids::add(const WalkedTransaction& one) {
    if (one.mariadb) last_[one.mariadb->domain] = *one.mariadb;
    if (one.mysql) set_.add(*one.mysql);
}

std::string AppliedGtids::text() const {
    if (!mariadb_) return set_.text();
    std::string text;
    for (const auto& [domain, gtid] : last_)
        text += (text.empty() ? "" : ",") + std::to_string(domain) + "-" + std::to_string(gtid.server) + "-" +
                std::to_string(gtid.number);
    return text;
}

std::uint64_t bytes_to_stage(const StageOrder& order) {
    const auto begin = order.base_stop.at - order.base.position;
    return order.to.at > begin ? order.to.at - begin : 0;
}

Task<StagedLog> stage_log(StageOrder order, LogSource& log, Pools& pools) {
    const auto without = co_await find_without(order, log);
    if (order.start && co_await is_no_commit(*order.start, order, log)) order.start.reset();
    const auto begin = order.base_stop.at - order.base.position;
    BinlogWalk walk{order.base.file, begin};
    BinlogFileWriter writer{order.folder};
    StagedLog staged;
    staged.before.emplace(order.mariadb, order.base.gtid);
    staged.after.emplace(order.mariadb, order.base.gtid);
    const auto start = order.start.value_or(BinlogPlace{order.base.file, order.base.position});
    bool reached_start = start.file == order.base.file;
    const auto visit = [&](const WalkedTransaction& one) {
        if (one.at_end <= order.base_stop.at) return;
        reached_start = reached_start || one.file == start.file;
        const bool is_left_out = without && one.at_begin == without->first;
        if (!reached_start || (one.file == start.file && one.end <= start.offset)) {
            staged.before->add(one);
            staged.after->add(one);
            return;
        }
        if (is_left_out) return;
        ++staged.transactions;
        staged.after->add(one);
    };
    const auto write = [&writer](const WalkedBytes& part) { writer.write(part); };
    const BinlogWalk::Visitor visitor{.transaction = visit, .bytes = [&](const WalkedBytes& part) {
                                          without ? write_without(part, *without, write) : write(part);
                                      }};

    const auto source = log.read(order.to.lineage, begin, order.to.at);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read())
        co_await on_pool(pools.blocking, [&] { walk.feed(block, visitor); });
    if (walk.at() != order.to.at) throw Error{Fault::corrupt, "the archived log ends before the target"};

    for (const auto& file : writer.files()) staged.files.push_back(order.folder / file.name);
    staged.start = start;
    staged.stop = walk.place_of(order.to.at);
    staged.stop_in_file = writer.files().empty() ? 0 : writer.files().back().bytes;
    if (order.start) {
        const auto first = std::ranges::find(walk.files(), start.file, &WalkedFile::name);
        if (first == walk.files().end() || first->at + start.offset > order.to.at)
            throw Error{Fault::refused, "the backup's files, once they are consistent, hold transactions up to " +
                                            to_text(start) + ", which is behind the target"}
                .hint("Restore to a later instant, or from an earlier backup: --backup ID.");
        // Files before it have nothing to give.
        staged.files.erase(staged.files.begin(), staged.files.begin() + (first - walk.files().begin()));
    }
    co_return staged;
}

}  // namespace varve::mysql
