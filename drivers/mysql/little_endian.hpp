/// Reads numbers as MySQL writes them. Fault::corrupt beyond the end.
#pragma once

#include <cstdint>

#include "varve/bytes.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

class LittleEndianReader {
public:
    explicit LittleEndianReader(ByteView bytes) : bytes_{bytes} {}

    ByteView take(std::size_t count) {
        if (count > bytes_.size()) throw Error{Fault::corrupt, "an event of the binlog ends too early"};
        const auto taken = bytes_.first(count);
        bytes_ = bytes_.subspan(count);
        return taken;
    }
    std::uint64_t number(std::size_t bytes) {
        std::uint64_t value = 0;
        const auto taken = take(bytes);
        for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{taken[i]} << (8 * i);
        return value;
    }
    std::uint8_t byte() { return take(1)[0]; }
    /// One, three, four or nine bytes: the first one tells.
    std::uint64_t packed() {
        const auto first = byte();
        if (first < 251) return first;
        return number(first == 252 ? 2 : first == 253 ? 3 : 8);
    }
    std::size_t left() const noexcept { return bytes_.size(); }

private:
    ByteView bytes_;
};

}  // namespace varve::mysql
