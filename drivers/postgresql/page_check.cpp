#include "postgresql/page_check.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

namespace varve::postgresql {
namespace {

// PostgreSQL's page checksum: 32 interleaved FNV-1a-like sums over the page as rows of 32 words, two rounds of zeros, folded by
// exclusive or. The columns do not depend on each other, so that compilers turn a row into a few vector instructions.
constexpr std::size_t columns = 32;
constexpr std::uint32_t prime = 16777619;
using Row = std::array<std::uint32_t, columns>;
constexpr Row first_sums = {0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
                            0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
                            0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
                            0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

inline void add_row(Row& sums, const Row& row) noexcept {
    for (std::size_t column = 0; column < columns; ++column) {
        const std::uint32_t mixed = sums[column] ^ row[column];
        sums[column] = (mixed * prime) ^ (mixed >> 17);
    }
}

// Where the fields of a page's header lie.
constexpr std::size_t checksum_at = 8, upper_at = 14;

std::uint64_t page_lsn(ByteView page) noexcept {
    std::uint32_t high, low;
    std::memcpy(&high, page.data(), 4);
    std::memcpy(&low, page.data() + 4, 4);
    return (std::uint64_t{high} << 32) | low;
}

std::uint16_t half_word(ByteView page, std::size_t offset) noexcept {
    std::uint16_t value;
    std::memcpy(&value, page.data() + offset, 2);
    return value;
}

bool all_zero(ByteView page) noexcept { return page[0] == 0 && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0; }

bool good(ByteView page, std::uint32_t block) noexcept {
    if (half_word(page, upper_at) == 0 && all_zero(page)) return true;
    return page_checksum(page, block) == half_word(page, checksum_at);
}

/// Cuts a run of digits off the front of `text`; empty when there is none.
std::string_view take_digits(std::string_view& text) noexcept {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto digits = text.substr(0, end);
    text.remove_prefix(end);
    return digits;
}

}  // namespace

std::uint16_t page_checksum(ByteView page, std::uint32_t block) noexcept {
    Row sums = first_sums;
    Row row;
    std::memcpy(row.data(), page.data(), sizeof row);
    row[checksum_at / 4] &= 0xFFFF0000u;
    add_row(sums, row);
    for (std::size_t offset = sizeof row; offset < page_bytes; offset += sizeof row) {
        std::memcpy(row.data(), page.data() + offset, sizeof row);
        add_row(sums, row);
    }
    constexpr Row zeros{};
    add_row(sums, zeros);
    add_row(sums, zeros);
    std::uint32_t folded = 0;
    for (const auto sum : sums) folded ^= sum;
    return static_cast<std::uint16_t>((folded ^ block) % 65535 + 1);
}

std::optional<RelationFile> find_relation_file(std::string_view name) noexcept {
    RelationFile file;
    file.relation = take_digits(name);
    if (file.relation.empty() || file.relation.size() > 10) return std::nullopt;
    for (const std::string_view fork : {"fsm", "vm", "init"}) {
        if (!name.starts_with('_') || !name.substr(1).starts_with(fork)) continue;
        file.fork = name.substr(1, fork.size());
        name.remove_prefix(1 + fork.size());
        break;
    }
    if (name.starts_with('.')) {
        name.remove_prefix(1);
        const auto digits = take_digits(name);
        if (digits.empty() || std::from_chars(digits.data(), digits.data() + digits.size(), file.segment).ec != std::errc{})
            return std::nullopt;
    }
    return name.empty() ? std::optional{file} : std::nullopt;
}

bool is_temporary_relation(std::string_view name) noexcept {
    if (!name.starts_with('t')) return false;
    name.remove_prefix(1);
    if (take_digits(name).empty() || !name.starts_with('_')) return false;
    return find_relation_file(name.substr(1)).has_value();
}

void PageCheck::look(std::uint64_t offset, ByteView bytes) {
    for (std::size_t at = 0; at + page_bytes <= bytes.size(); at += page_bytes) {
        const auto number = static_cast<std::uint32_t>((offset + at) / page_bytes);
        if (good(bytes.subspan(at, page_bytes), first_block_ + number)) continue;
        const std::lock_guard guard{mutex_};
        suspects_.push_back(number);
    }
}

bool PageCheck::suspicious() const {
    const std::lock_guard guard{mutex_};
    return !suspects_.empty();
}

std::vector<PageCheck::Suspect> PageCheck::confirm(const LocalFile& file) {
    const std::lock_guard guard{mutex_};
    std::ranges::sort(suspects_);
    std::vector<Suspect> failing;
    Bytes page(page_bytes);
    for (const auto number : suspects_) {
        // The first reading may have met the server's write; three more that fail alike have not.
        bool found_good = false;
        for (int attempt = 0; attempt < 3 && !found_good; ++attempt) {
            if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds{5});
            const auto count = file.read_at(std::uint64_t{number} * page_bytes, page);
            found_good = count < page_bytes || good(page, first_block_ + number);
        }
        if (!found_good) failing.push_back({number, page_lsn(page)});
    }
    return failing;
}

}  // namespace varve::postgresql
