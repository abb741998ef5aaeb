#include "mysql/restore_roll.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

/// Writes the log into its files. Bytes wait until it is certain to which file they belong.
class FileWriter {
public:
    FileWriter(fs::path folder, std::uint64_t at) : folder_{std::move(folder)}, at_{at} {}

    /// `walk` has seen `bytes`. [without_from, without_to) is left out.
    void add(ByteView bytes, const BinlogWalk& walk, std::uint64_t certain, std::pair<std::uint64_t, std::uint64_t> without) {
        append(waiting_, bytes);
        const auto& files = walk.files();
        std::size_t done = 0;
        while (at_ < certain) {
            while (next_ < files.size() && files[next_].at <= at_) open(files[next_++].name);
            auto end = next_ < files.size() ? std::min(certain, files[next_].at) : certain;
            const bool inside = at_ >= without.first && at_ < without.second;
            if (inside)
                end = std::min(end, without.second);
            else if (at_ < without.first)
                end = std::min(end, without.first);
            const auto part = ByteView{waiting_}.subspan(done, end - at_);
            if (!inside) {
                write_all(file_.get(), part, paths_.back());
                written_ += part.size();
            }
            done += part.size();
            at_ = end;
        }
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(done));
    }

    const std::vector<fs::path>& paths() const noexcept { return paths_; }
    std::uint64_t written() const noexcept { return written_; }  ///< to the last file

private:
    void open(const std::string& name) {
        if (name.empty() || name.find('/') != std::string::npos)
            throw Error{Fault::corrupt, "the log names a file outside of its folder"};
        paths_.push_back(folder_ / name);
        file_ = Descriptor{::open(paths_.back().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
        if (!file_) throw system_error(errno, "create", paths_.back());
        written_ = 0;
    }

    fs::path folder_;
    std::uint64_t at_;
    Bytes waiting_;
    std::size_t next_ = 0;
    std::vector<fs::path> paths_;
    Descriptor file_;
    std::uint64_t written_ = 0;
};

/// Where the transaction that is left out lies.
Task<std::pair<std::uint64_t, std::uint64_t>> find_without(const StageOrder& order, LogSource& log) {
    std::pair<std::uint64_t, std::uint64_t> range{0, 0};
    if (order.without.empty()) co_return range;
    const auto begin = order.base_stop.at - order.base.position;
    BinlogWalk walk{order.base.file, begin};
    const auto source = log.read(order.to.lineage, begin, order.to.at);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read())
        walk.feed(block, [&](const WalkedTransaction& one) {
            if (one.gtid() == order.without) range = {one.at_begin, one.at_end};
        });
    if (range.second == 0) throw Error{Fault::missing, "the transaction " + order.without + " is not in the log to be applied"};
    co_return range;
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
    const auto begin = order.base_stop.at - order.base.position;
    BinlogWalk walk{order.base.file, begin};
    FileWriter writer{order.folder, begin};
    StagedLog staged;
    staged.before.emplace(order.mariadb, order.base.gtid);
    staged.after.emplace(order.mariadb, order.base.gtid);
    const auto start = order.start.value_or(BinlogPlace{order.base.file, order.base.position});
    bool reached_start = start.file == order.base.file;
    const auto visit = [&](const WalkedTransaction& one) {
        if (one.at_end <= order.base_stop.at) return;
        reached_start = reached_start || one.file == start.file;
        const bool is_left_out = one.at_begin == without.first && without.second != 0;
        if (!reached_start || (one.file == start.file && one.end <= start.offset)) {
            staged.before->add(one);
            staged.after->add(one);
            return;
        }
        if (is_left_out) return;
        ++staged.transactions;
        staged.after->add(one);
    };

    const auto source = log.read(order.to.lineage, begin, order.to.at);
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) {
        co_await on_pool(pools.blocking, [&] {
            walk.feed(block, visit);
            writer.add(block, walk, walk.certain(), without);
        });
    }
    if (walk.at() != order.to.at) throw Error{Fault::corrupt, "the archived log ends before the target"};
    co_await on_pool(pools.blocking, [&] { writer.add({}, walk, order.to.at, without); });

    staged.files = writer.paths();
    staged.start = start;
    staged.stop = walk.place_of(order.to.at);
    staged.stop_in_file = writer.written();
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
