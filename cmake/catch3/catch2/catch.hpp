/// Catch2 2's one header, on Catch2 3 (Debian 13): what moved or was renamed, and these tests use.
#pragma once

#include <catch2/catch_all.hpp>

#include <cstdint>
#include <string>

namespace Catch {

inline auto Contains(const std::string& part) { return Matchers::ContainsSubstring(part); }
inline std::uint32_t rngSeed() { return getSeed(); }
using Matchers::EndsWith;
using Matchers::StartsWith;

}  // namespace Catch
