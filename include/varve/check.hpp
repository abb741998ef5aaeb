/// Checksums that formats and engines ask for. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "varve/bytes.hpp"

namespace varve {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteView bytes);
Digest hmac_sha256(ByteView key, ByteView message);
std::string to_hex(const Digest& digest);

/// SHA-256 of a stream.
class Sha256 {
public:
    Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    ~Sha256();
    void add(ByteView bytes);
    /// Once.
    Digest finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// CRC-32C (Castagnoli), as PostgreSQL uses it for WAL records and pg_control: start with 0, pass the result on to continue.
std::uint32_t crc32c(ByteView bytes, std::uint32_t so_far = 0);

}  // namespace varve
