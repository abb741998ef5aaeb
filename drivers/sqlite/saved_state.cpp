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
constexpr const char* marks_file = "sqlite-marks";
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

/// Reads what encode() wrote.
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
    bool at_end() const noexcept { return bytes_.empty(); }

private:
    ByteView bytes_;
};

/// Of what lies before the digest, which must be right.
Reader checked_reader(ByteView bytes) {
    const Digest empty{};
    if (bytes.size() < empty.size()) throw Error{Fault::corrupt, "it is too short"};
    const auto body = bytes.first(bytes.size() - empty.size());
    if (!std::ranges::equal(sha256(body), bytes.last(empty.size()))) throw Error{Fault::corrupt, "its checksum differs"};
    return Reader{body};
}

SavedState decode(ByteView bytes) {
    auto reader = checked_reader(bytes);
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
    try {
        make_directories(folder);
        replace_file(folder / name, encode(state));
    } catch (const Error& error) {
        log(LogLevel::warning, "", "what was read of a database is not remembered: " + error.sentence());
    }
}

struct KeptMark {
    LineageName lineage;
    LogMark mark;
};

Bytes encode(const std::vector<KeptMark>& marks) {
    Bytes bytes;
    for (const auto& kept : marks) {
        append_text(bytes, kept.lineage.text());
        append_64(bytes, kept.mark.position);
        append_text(bytes, kept.mark.name);
    }
    append(bytes, sha256(bytes));
    return bytes;
}

/// Damaged ones are as good as lost: what is read again then does not meet the archive's end, which is seen.
std::vector<KeptMark> read_marks(const std::filesystem::path& path) {
    std::vector<KeptMark> marks;
    try {
        const auto bytes = find_file(path);
        if (!bytes) return marks;
        auto reader = checked_reader(*bytes);
        while (!reader.at_end()) {
            LineageName lineage{reader.text()};
            const auto position = reader.number_64();
            marks.push_back({.lineage = std::move(lineage), .mark = {.position = position, .name = reader.text()}});
        }
    } catch (const Error& error) {
        log(LogLevel::warning, "", "reading " + path.string() + ": " + error.sentence());
    }
    return marks;
}

}  // namespace

void SavedStates::keep_generation(const SavedState& state) const {
    keep(folder_, generation_file, state);
    std::error_code ignored;  // an older stop of this lineage, or of another
    std::filesystem::remove(folder_ / stop_file, ignored);
}
void SavedStates::keep_stop(const SavedState& state) const { keep(folder_, stop_file, state); }

void SavedStates::keep_mark(const LineageName& lineage, LogMark mark) const {
    make_directories(folder_);
    auto marks = read_marks(folder_ / marks_file);
    const auto generation = find_state(folder_ / generation_file);
    // What lies before the generation at hand is not read again.
    std::erase_if(marks, [&](const KeptMark& kept) {
        return kept.lineage != lineage || (generation && kept.mark.position < generation->tail.position);
    });
    marks.push_back({.lineage = lineage, .mark = std::move(mark)});
    replace_file(folder_ / marks_file, encode(marks));
}

void SavedStates::forget() const {
    for (const char* name : {generation_file, stop_file, marks_file}) {
        std::error_code ignored;
        std::filesystem::remove(folder_ / name, ignored);
    }
}

std::vector<SavedState> SavedStates::find() const {
    std::vector<SavedState> found;
    auto generation = find_state(folder_ / generation_file);
    auto stop = find_state(folder_ / stop_file);
    // A stop is of the generation's lineage, and newer; another one was left behind.
    const bool of_it = !generation || (stop && stop->tail.lineage == generation->tail.lineage);
    if (stop && of_it) found.push_back(std::move(*stop));
    if (generation) found.push_back(std::move(*generation));
    return found;
}

std::deque<LogMark> SavedStates::find_marks(const LineageName& lineage, std::uint64_t position) const {
    std::deque<LogMark> found;
    for (auto& kept : read_marks(folder_ / marks_file))
        if (kept.lineage == lineage && kept.mark.position >= position) found.push_back(std::move(kept.mark));
    return found;
}

std::string boot_id() {
    const auto text = find_file("/proc/sys/kernel/random/boot_id");
    return text ? std::string{text_of(*text)} : std::string{};
}

}  // namespace varve::sqlite
