#include "sqlite/page_replay.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "sqlite/big_endian.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr std::size_t write_bytes_max = 1U << 20;

}  // namespace

PageReplay::PageReplay(PageFile& file, std::uint32_t page_size, std::uint32_t pages)
    : file_{file}, page_size_{page_size}, pages_{pages} {}

/// `count` bytes when they are all there, off the front of `block`; else what there is is kept, and nothing given.
ByteView PageReplay::gather(ByteView& block, std::size_t count) {
    if (gathered_.empty() && block.size() >= count) {
        const auto whole = block.first(count);
        block = block.subspan(count);
        return whole;
    }
    const auto more = std::min(count - gathered_.size(), block.size());
    append(gathered_, block.first(more));
    block = block.subspan(more);
    return gathered_.size() == count ? ByteView{gathered_} : ByteView{};
}

void PageReplay::feed(ByteView block) {
    while (!block.empty()) {
        const std::size_t wanted = want_ == Want::header         ? record_header_bytes
                                   : want_ == Want::page_numbers ? record_.count * sizeof(std::uint32_t)
                                   : want_ == Want::pages        ? page_size_
                                                                 : record_.count;
        const auto found = gather(block, wanted);
        if (found.empty()) return;
        if (want_ == Want::header)
            begin_record(found);
        else if (want_ == Want::page_numbers) {
            numbers_.assign(found.begin(), found.end());
            want_ = Want::pages;
        } else if (want_ == Want::pages)
            take_page(found);
        else
            want_ = Want::header;
        gathered_.clear();
    }
}

void PageReplay::begin_record(ByteView header) {
    record_ = parse_record_header(header);
    next_page_ = 0;
    if (record_.kind == RecordKind::mark) {
        want_ = record_.count > 0 ? Want::name : Want::header;
        return;
    }
    if (record_.page_size != page_size_) throw Error{Fault::corrupt, "the log's pages have another size than the backup's"};
    want_ = Want::page_numbers;
    if (record_.count == 0) end_record();
}

void PageReplay::take_page(ByteView page) {
    const auto number = big_endian_32(numbers_, next_page_++ * sizeof(std::uint32_t));
    if (number == 0 || number > record_.database_pages)
        throw Error{Fault::corrupt, "a record of the log names a page beyond its end"};
    const auto [slot, is_new] = slots_.try_emplace(number, used_);
    if (is_new) {
        used_ += page_size_;
        if (held_.size() < used_) held_.resize(std::max(used_, std::min(2 * held_.size(), held_bytes_max)));
    }
    std::ranges::copy(page, held_.begin() + static_cast<std::ptrdiff_t>(slot->second));
    if (used_ >= held_bytes_max) write_held();
    if (next_page_ == record_.count) end_record();
}

void PageReplay::end_record() {
    if (record_.database_pages < pages_) {
        std::erase_if(slots_, [this](const auto& slot) { return slot.first > record_.database_pages; });
        file_.resize(std::uint64_t{record_.database_pages} * page_size_);
    }
    pages_ = record_.database_pages;
    last_ = record_;
    want_ = Want::header;
}

/// In the order of the file, neighbours together.
void PageReplay::write_held() {
    std::vector<std::pair<std::uint32_t, std::size_t>> pages{slots_.begin(), slots_.end()};
    std::ranges::sort(pages);
    Bytes run;
    for (auto page = pages.begin(); page != pages.end();) {
        const auto first = page->first;
        auto next = first;
        run.clear();
        for (; page != pages.end() && page->first == next && run.size() < write_bytes_max; ++page, ++next)
            append(run, ByteView{held_}.subspan(page->second, page_size_));
        file_.write((first - 1ULL) * page_size_, run);
        bytes_written_ += run.size();
    }
    slots_.clear();
    used_ = 0;
}

void PageReplay::finish() {
    if (want_ != Want::header || !gathered_.empty()) throw Error{Fault::corrupt, "the log ends inside a record"};
    write_held();
    file_.resize(std::uint64_t{pages_} * page_size_);
}

}  // namespace varve::sqlite
