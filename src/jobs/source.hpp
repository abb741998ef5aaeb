/// A source as jobs see it: its settings, its driver, its folder of caches.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "policy/tiers.hpp"
#include "repository/repository.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve {

enum class LogRoute { off, stream, push };

struct SourceSetup {
    SourceName name;
    std::string driver;
    RetentionRule retention;
    PolicyZone zone;
    LogRoute log = LogRoute::stream;
    std::chrono::microseconds ship_interval = std::chrono::seconds{10};
    std::optional<std::uint64_t> retain_at_source;  ///< bytes; nothing: unlimited
    int compression_level = 2;
    std::uint64_t memory_max = 192U << 20;
    std::filesystem::path state_dir;  ///< of this source alone; may be lost
    Settings settings;
};

struct Source {
    SourceSetup setup;
    std::unique_ptr<Driver> driver;
};

/// What every job needs. Outlives the job.
struct JobContext {
    Repository& repository;
    Pools& pools;
    Clock& clock;
    std::function<double()> chance;  ///< in [0, 1): spreads retries
};

struct Progress {
    std::string what;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;  ///< 0: unknown
    std::uint64_t files = 0;
};
using ReportProgress = std::function<void(const Progress&)>;

/// The one process that may do `work` ("backup", "log") for a source now: Fault::conflict (exit 11) names the other's pid.
FileLock own_source(const SourceSetup& setup, const std::string& work);

}  // namespace varve
