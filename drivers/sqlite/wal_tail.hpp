/// Where reading a WAL has come to, the database's hashes there, and the records that come of what follows.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "sqlite/page_hashes.hpp"
#include "sqlite/record.hpp"
#include "sqlite/snapshot.hpp"
#include "varve/driver.hpp"

namespace varve::sqlite {

/// Everything that is needed to read on. Kept on disk by saved_state.hpp.
struct TailState {
    LineageName lineage;
    std::uint64_t position = first_position;  ///< the end of the records made so far
    std::uint64_t number = 0;                 ///< transactions made so far
    Salts salts{};                            ///< of the generation that is read; meaningless while has_wal is false
    bool has_wal = false;
    std::uint32_t frame = 0;  ///< the last one that was read
    FrameChecksum checksum;   ///< there
    PageHashes pages;
};

/// A piece of a record, ready to be appended to the log.
struct RecordPiece {
    std::uint64_t from = 0;
    std::uint64_t number = 0;  ///< transactions that are whole at its end
    Bytes bytes{};
    std::optional<Moment> moment{};  ///< a transaction ends with it
};

/// A mark that lies in the log at `position`. The WAL knows nothing of it.
struct LogMark {
    std::uint64_t position = 0;
    std::string name;
};

/// Blocks; one call at a time. While it is read, a read transaction is held on the database at every instant: see follow.hpp.
class WalTail {
public:
    /// `committed`: the last frame of the state's generation when the read transaction was open already.
    /// `marks`: what lies in the log behind the state, and is given out again where it lay.
    WalTail(std::filesystem::path wal, TailState state, std::uint32_t committed, std::deque<LogMark> marks)
        : path_{std::move(wal)}, state_{std::move(state)}, committed_{committed}, marks_{std::move(marks)} {}

    /// As far as whole records were given out; the hashes run ahead while in_record().
    const TailState& state() const noexcept { return state_; }
    /// Called with the state as it is before the first frame of a new generation is read.
    std::function<void(const TailState&)> on_new_generation;

    /// Records of what `index` shows as committed, about `bytes_wanted` of them; call again until it gives none.
    /// Fault::missing: the WAL is not the one that was read, so what was committed in between cannot be known.
    std::vector<RecordPiece> read(const WalIndex& index, Instant observed, std::uint64_t bytes_wanted);
    /// A record that changes nothing. Not while in_record().
    RecordPiece mark(const std::string& name, Instant observed);
    /// read() has something to give though nothing was committed.
    bool has_due() const noexcept;
    /// A record is partly given out.
    bool in_record() const noexcept { return open_.has_value(); }

private:
    struct Page {
        std::uint32_t page, frame;
    };
    /// A transaction whose record is being given out.
    struct Open {
        RecordHeader header;
        std::vector<Page> pages;
        std::size_t next = 0;  ///< page
        FrameChecksum checksum;
    };

    RecordPiece note(RecordKind kind, const std::string& name, Instant observed);
    void add_due(std::vector<RecordPiece>& pieces, Instant observed);
    bool enter_generation(const WalIndex& index);
    bool begin_transaction(const WalIndex& index, Instant observed);
    void add_pieces(std::vector<RecordPiece>& pieces, std::uint64_t bytes_wanted);
    void finish_transaction(RecordPiece& last);
    void read_frame(std::uint32_t frame, Bytes& into) const;

    std::filesystem::path path_;
    TailState state_;
    std::optional<LocalFile> wal_;
    bool big_endian_ = false;
    std::uint32_t committed_;  ///< what must be read of this generation before another is believed
    std::deque<LogMark> marks_;
    std::optional<Open> open_;
    std::uint64_t given_ = 0;  ///< bytes of the open record
};

}  // namespace varve::sqlite
