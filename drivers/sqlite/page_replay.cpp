#include "sqlite/page_replay.hpp"

#include <algorithm>

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
    auto& held = held_[number];
    held.assign(page.begin(), page.end());
    if (held_.size() * page_size_ >= held_bytes_max) write_held();
    if (next_page_ == record_.count) end_record();
}

void PageReplay::end_record() {
    if (record_.database_pages < pages_) {
        held_.erase(held_.upper_bound(record_.database_pages), held_.end());
        file_.resize(std::uint64_t{record_.database_pages} * page_size_);
    }
    pages_ = record_.database_pages;
    last_ = record_;
    want_ = Want::header;
}

/// Neighbours together.
void PageReplay::write_held() {
    Bytes run;
    for (auto page = held_.begin(); page != held_.end();) {
        const auto first = page->first;
        auto next = first;
        run.clear();
        for (; page != held_.end() && page->first == next && run.size() < write_bytes_max; ++page, ++next)
            append(run, page->second);
        file_.write((first - 1ULL) * page_size_, run);
        bytes_written_ += run.size();
    }
    held_.clear();
}

void PageReplay::finish() {
    if (want_ != Want::header || !gathered_.empty()) throw Error{Fault::corrupt, "the log ends inside a record"};
    write_held();
    file_.resize(std::uint64_t{pages_} * page_size_);
}

}  // namespace varve::sqlite
