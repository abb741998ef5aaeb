#include "pipeline/chunk_index_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "varve/error.hpp"

namespace varve::chunk_index_file {

namespace {

constexpr std::array<std::uint8_t, 8> magic{'V', 'R', 'V', 'I', 'D', 'X', 0, 1};
constexpr std::size_t pack_bytes = 56, folder_bytes = 16, footer_bytes = 16 + 32;
constexpr std::size_t block_bytes = 1u << 20;

[[noreturn]] void damaged(const char* what) { throw Error{Fault::corrupt, std::string{"the file is damaged: "} + what}; }

std::uint64_t number_at(ByteView bytes, std::size_t offset) {
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

void append_number(Bytes& into, std::uint64_t value) {
    append(into, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

StoredPack parse_pack(ByteView bytes) {
    StoredPack pack;
    std::memcpy(pack.name.data(), bytes.data(), pack.name.size());
    pack.size = number_at(bytes, 32);
    const auto folder = text_of(bytes.subspan(40, folder_bytes));
    pack.folder = folder.substr(0, folder.find('\0'));
    return pack;
}

void append_pack(Bytes& into, const StoredPack& pack) {
    if (pack.folder.size() >= folder_bytes) throw Error{Fault::defect, "the pack folder " + pack.folder + " is too long a name"};
    append(into, pack.name);
    append_number(into, pack.size);
    append(into, view_of(pack.folder));
    into.resize(into.size() + folder_bytes - pack.folder.size());
}

}  // namespace

Parts parse(ByteView bytes) {
    if (bytes.size() < magic.size() + footer_bytes) damaged("it is too short");
    if (std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) damaged("it does not begin like an index");
    const auto summed = bytes.first(bytes.size() - 32);
    if (const auto sum = sha256(summed); std::memcmp(sum.data(), bytes.data() + summed.size(), sum.size()) != 0)
        damaged("its checksum differs");

    const auto packs = number_at(bytes, bytes.size() - footer_bytes);
    const auto records = number_at(bytes, bytes.size() - footer_bytes + 8);
    const auto body = bytes.subspan(magic.size(), bytes.size() - magic.size() - footer_bytes);
    if (packs > UINT32_MAX || records > UINT32_MAX || body.size() != packs * pack_bytes + records * sizeof(Record))
        damaged("its parts do not fill it");

    Parts parts;
    parts.packs.reserve(packs);
    for (std::size_t i = 0; i < packs; ++i) parts.packs.push_back(parse_pack(body.subspan(i * pack_bytes, pack_bytes)));
    // The mapping is page-aligned, and header and packs are multiples of four: records may be read in place.
    parts.records = {reinterpret_cast<const Record*>(body.data() + packs * pack_bytes), records};
    for (std::size_t i = 0; i < records; ++i) {
        if (parts.records[i].pack >= packs) damaged("a chunk names a pack that it does not list");
        if (i > 0 && !(parts.records[i - 1].id < parts.records[i].id)) damaged("its chunks are out of order");
    }
    return parts;
}

Writer::Writer(const std::filesystem::path& path, const std::vector<StoredPack>& packs)
    : path_{path}, temporary_{path.string() + ".new"}, packs_{packs.size()} {
    file_ = Descriptor{::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!file_) throw system_error(errno, "open", temporary_);
    block_.reserve(block_bytes + sizeof(Record));
    append(block_, magic);
    for (const auto& pack : packs) append_pack(block_, pack);
}

Writer::~Writer() {
    if (!finished_) ::unlink(temporary_.c_str());
}

void Writer::add(const Record& record) {
    append(block_, {reinterpret_cast<const std::uint8_t*>(&record), sizeof record});
    ++records_;
    if (block_.size() >= block_bytes) flush();
}

void Writer::flush() {
    sum_.add(block_);
    write_all(file_.get(), block_, temporary_);
    block_.clear();
}

void Writer::finish() {
    append_number(block_, packs_);
    append_number(block_, records_);
    flush();
    const auto sum = sum_.finish();
    write_all(file_.get(), sum, temporary_);
    if (::fdatasync(file_.get()) != 0) throw system_error(errno, "fdatasync", temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw system_error(errno, "rename", path_);
    finished_ = true;
}

}  // namespace varve::chunk_index_file
