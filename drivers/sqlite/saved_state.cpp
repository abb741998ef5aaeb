#include "sqlite/saved_state.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "sqlite/big_endian.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve::sqlite {

namespace {

constexpr std::uint32_t file_magic = 0x56535331;  // "VSS1"
constexpr const char* generation_file = "sqlite-generation";
constexpr const char* stop_file = "sqlite-stop";
constexpr std::uint64_t file_bytes_max = 4ULL << 30;

void append_text(Bytes& into, const std::string& text) {
    append_32(into, static_cast<std::uint32_t>(text.size()));
    append(into, view_of(text));
}

Bytes encode(const SavedState& state) {
    const auto& tail = state.tail;
    Bytes bytes;
    append_32(bytes, file_magic);
    append_text(bytes, tail.lineage.text());
    append_text(bytes, state.boot);
    append_64(bytes, state.device);
    append_64(bytes, state.inode);
    append_64(bytes, tail.position);
    append_64(bytes, tail.number);
    append(bytes, tail.salts);
    append_32(bytes, tail.has_wal ? 1 : 0);
    append_32(bytes, tail.frame);
    append_32(bytes, tail.checksum.first);
    append_32(bytes, tail.checksum.second);
    append_32(bytes, tail.pages.page_size());
    append_32(bytes, tail.pages.pages());
    const auto& hashes = tail.pages.all();
    append(bytes, {reinterpret_cast<const std::uint8_t*>(hashes.data()), hashes.size() * sizeof(std::uint64_t)});
    append(bytes, sha256(bytes));
    return bytes;
}

/// Reads what encode() wrote; ends short of the digest.
class Reader {
public:
    explicit Reader(ByteView bytes) : bytes_{bytes} {}
    ByteView take(std::size_t count) {
        if (count > bytes_.size()) throw Error{Fault::corrupt, "it ends too early"};
        const auto taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }
    std::uint32_t number_32() { return big_endian_32(take(4), 0); }
    std::uint64_t number_64() { return big_endian_64(take(8), 0); }
    std::string text() { return std::string{text_of(take(number_32()))}; }

private:
    ByteView bytes_;
};

SavedState decode(ByteView bytes) {
    const Digest empty{};
    if (bytes.size() < empty.size()) throw Error{Fault::corrupt, "it is too short"};
    const auto body = bytes.first(bytes.size() - empty.size());
    if (!std::ranges::equal(sha256(body), bytes.last(empty.size()))) throw Error{Fault::corrupt, "its checksum differs"};
    Reader reader{body};
    if (reader.number_32() != file_magic) throw Error{Fault::corrupt, "it is of another format"};
    SavedState state;
    auto& tail = state.tail;
    tail.lineage = LineageName{reader.text()};
    state.boot = reader.text();
    state.device = reader.number_64();
    state.inode = reader.number_64();
    tail.position = reader.number_64();
    tail.number = reader.number_64();
    std::ranges::copy(reader.take(tail.salts.size()), tail.salts.begin());
    tail.has_wal = reader.number_32() != 0;
    tail.frame = reader.number_32();
    tail.checksum.first = reader.number_32();
    tail.checksum.second = reader.number_32();
    const auto page_size = reader.number_32();
    std::vector<std::uint64_t> hashes(reader.number_32());
    const auto stored = reader.take(hashes.size() * sizeof(std::uint64_t));
    std::memcpy(hashes.data(), stored.data(), stored.size());
    tail.pages = PageHashes{page_size, std::move(hashes)};
    return state;
}

std::optional<SavedState> find_state(const std::filesystem::path& path) {
    try {
        if (const auto bytes = find_file(path, file_bytes_max)) return decode(*bytes);
    } catch (const Error& error) {
        log(LogLevel::warning, "", "reading " + path.string() + ": " + error.sentence());
    }
    return std::nullopt;
}

void keep(const std::filesystem::path& folder, const char* name, const SavedState& state) {
    make_directories(folder);
    replace_file(folder / name, encode(state));
}

}  // namespace

void SavedStates::keep_generation(const SavedState& state) const { keep(folder_, generation_file, state); }
void SavedStates::keep_stop(const SavedState& state) const { keep(folder_, stop_file, state); }

std::vector<SavedState> SavedStates::find() const {
    std::vector<SavedState> found;
    for (const char* name : {generation_file, stop_file})
        if (auto state = find_state(folder_ / name)) found.push_back(std::move(*state));
    std::ranges::sort(found, std::ranges::greater{}, [](const SavedState& state) { return state.tail.position; });
    return found;
}

std::string boot_id() {
    const auto text = find_file("/proc/sys/kernel/random/boot_id");
    return text ? std::string{text_of(*text)} : std::string{};
}

}  // namespace varve::sqlite
