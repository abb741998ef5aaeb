/// A log's records brought into a database file.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "sqlite/record.hpp"

namespace varve::sqlite {

/// What a replay writes to.
class PageFile {
public:
    virtual ~PageFile() = default;
    virtual void write(std::uint64_t offset, ByteView bytes) = 0;
    /// What is cut off comes back as zeros when the file grows again.
    virtual void resize(std::uint64_t bytes) = 0;
};

/// Takes the log in blocks of any size, and writes the newest image of each page, up to `held_bytes_max` of them gathered and in
/// the order of the file: most pages of a busy database are written once. Blocks; one call at a time.
class PageReplay {
public:
    static constexpr std::size_t held_bytes_max = 32U << 20;

    PageReplay(PageFile& file, std::uint32_t page_size, std::uint32_t pages);

    /// Fault::corrupt when the block does not go on with what came before.
    void feed(ByteView block);
    /// Once, at the end of the log. Fault::corrupt when that is inside a record.
    void finish();

    /// The last record that changed something; nothing when there was none.
    const std::optional<RecordHeader>& last() const noexcept { return last_; }
    std::uint64_t bytes_written() const noexcept { return bytes_written_; }

private:
    enum class Want { header, page_numbers, pages, name };

    ByteView gather(ByteView& block, std::size_t count);
    void begin_record(ByteView header);
    void take_page(ByteView page);
    void end_record();
    void write_held();

    PageFile& file_;
    std::uint32_t page_size_, pages_;
    Want want_ = Want::header;
    RecordHeader record_;
    Bytes numbers_;
    std::uint32_t next_page_ = 0;
    Bytes gathered_;                                        ///< of what is wanted, when a block ended inside it
    std::unordered_map<std::uint32_t, std::size_t> slots_;  ///< page -> where in held_ its newest image is
    Bytes held_;                                            ///< used again and again: fresh memory is dear
    std::size_t used_ = 0;                                  ///< of it
    std::optional<RecordHeader> last_;
    std::uint64_t bytes_written_ = 0;
};

}  // namespace varve::sqlite
