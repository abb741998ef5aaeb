#include "pipeline/list_spill.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "format/format.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::size_t block_bytes = 1u << 20;

struct Lengths {
    std::uint64_t chunks;
    std::uint32_t path, message;
};

std::shared_ptr<Descriptor> open_scratch(const std::filesystem::path& folder) {
    auto pattern = (folder / "varve-list-XXXXXX").string();
    auto file = std::make_shared<Descriptor>(::mkostemp(pattern.data(), O_CLOEXEC));
    if (!*file) throw system_error(errno, "mkostemp", pattern);
    if (::unlink(pattern.c_str()) != 0) throw system_error(errno, "unlink", pattern);
    return file;
}

}  // namespace

Task<> ListSpill::open() {
    file_ = co_await on_pool(pools_.blocking, [folder = folder_] { return open_scratch(folder); });
}

Task<> ListSpill::add(Entry entry, Content content) {
    format::FileEntry message;
    to_format(entry, message);
    message.set_chunk_bytes(content.fixed);
    message.mutable_chunk_lengths()->Add(content.lengths.begin(), content.lengths.end());
    const auto text = message.SerializeAsString();

    const Lengths lengths{.chunks = content.chunks.size() * sizeof(PlacedChunk),
                          .path = static_cast<std::uint32_t>(entry.path.size()),
                          .message = static_cast<std::uint32_t>(text.size())};
    append(block_, {reinterpret_cast<const std::uint8_t*>(&lengths), sizeof lengths});
    append(block_, view_of(entry.path));
    append(block_, view_of(text));
    append(block_, {reinterpret_cast<const std::uint8_t*>(content.chunks.data()), lengths.chunks});
    if (block_.size() >= block_bytes) co_await write_block();
}

Task<> ListSpill::write_block() {
    auto block = std::exchange(block_, {});
    const auto begins = block_begins_;
    block_begins_ += block.size();
    auto write = [file = file_, folder = folder_, begins, held = std::move(block)] {
        write_all_at(file->get(), begins, held, folder);
    };
    ++writes_begun_;
    co_await on_pool(pools_.blocking, std::move(write));
    ++writes_done_;
}

Task<MappedFile> ListSpill::finish() {
    if (writes_begun_ != writes_done_) throw Error{Fault::defect, "the list's spill file was not written whole"};
    co_await write_block();
    co_return co_await on_pool(pools_.blocking, [file = file_, folder = folder_] { return MappedFile::of(*file, folder); });
}

SpilledEntry SpilledEntry::at(ByteView spill, std::uint64_t& position) {
    Lengths lengths;
    std::memcpy(&lengths, spill.data() + position, sizeof lengths);
    auto rest = spill.subspan(position + sizeof lengths);
    SpilledEntry entry;
    entry.path = text_of(rest.first(lengths.path));
    entry.message = rest.subspan(lengths.path, lengths.message);
    entry.chunks = rest.subspan(lengths.path + lengths.message, lengths.chunks);
    position += sizeof lengths + lengths.path + lengths.message + lengths.chunks;
    return entry;
}

PlacedChunk SpilledEntry::chunk(std::size_t number) const {
    PlacedChunk chunk;
    std::memcpy(&chunk, chunks.data() + number * sizeof chunk, sizeof chunk);
    return chunk;
}

std::vector<std::uint64_t> sorted_entries(ByteView spill) {
    std::vector<std::uint64_t> entries;
    for (std::uint64_t at = 0; at < spill.size();) {
        entries.push_back(at);
        SpilledEntry::at(spill, at);
    }
    const auto path_at = [spill](std::uint64_t at) { return SpilledEntry::at(spill, at).path; };
    std::ranges::sort(entries, {}, path_at);
    const auto twice = std::ranges::adjacent_find(entries, {}, path_at);
    if (twice != entries.end())
        throw Error{Fault::defect, "the driver gave the entry " + std::string{path_at(*twice)} + " twice"};
    return entries;
}

}  // namespace varve
