#include "postgresql/log_tail.hpp"

#include <algorithm>
#include <sstream>

#include "postgresql/wal_layout.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {

void LogTail::feed(Lsn at, ByteView bytes) {
    if (at != begin_ + held_.size() || held_.empty()) {
        held_.clear();
        begin_ = at;
    }
    const auto keep = std::min<std::size_t>(held_.size(), wal_page_bytes);
    begin_ += held_.size() - keep;
    held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(keep));
    append(held_, bytes);
}

std::optional<std::string> LogTail::find_digest(Lsn at) const {
    if (at == 0) return std::nullopt;
    const auto from = page_start(at - 1);
    if (from < begin_ || at > begin_ + held_.size()) return std::nullopt;
    return to_hex(sha256(ByteView{held_}.subspan(from - begin_, at - from)));
}

std::optional<TailMark> find_tail_mark(const std::filesystem::path& file) {
    std::optional<Bytes> content;
    try {
        content = find_file(file, 4096);
    } catch (const Error&) {
        return std::nullopt;  // a protection less, and no reason not to archive
    }
    if (!content) return std::nullopt;
    std::istringstream words{std::string{text_of(*content)}};
    std::string lineage, at, digest;
    if (!(words >> lineage >> at >> digest)) return std::nullopt;
    try {
        return TailMark{.lineage = LineageName{lineage}, .at = parse_lsn(at), .digest = digest};
    } catch (const Error&) {
        return std::nullopt;
    }
}

void keep_tail_mark(const std::filesystem::path& file, const TailMark& mark) {
    make_directories(file.parent_path());
    const auto line = mark.lineage.text() + " " + to_text(mark.at) + " " + mark.digest + "\n";
    replace_file(file, view_of(line));
}

}  // namespace varve::postgresql
