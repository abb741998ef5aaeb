// pipeline_bench DIR [--level N] [--chunk KIB] [--workers N] [--memory MIB] [--files-at-once N]
//
// Takes every regular file below DIR into packs that go nowhere, and says how fast. Run it twice: the first time fills the page
// cache. Measures ingest alone: no store, no driver, no manifest.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "pipeline/ingest.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"

namespace {

using namespace varve;

class Nowhere final : public PackDestination {
public:
    Task<> put_pack(SealedObject pack) override {
        ++packs;
        bytes += pack.bytes.size();
        co_return;
    }
    const std::string& folder() const override { return folder_; }

    std::uint64_t packs = 0, bytes = 0;

private:
    std::string folder_ = "202611d";
};

struct Request {
    std::filesystem::path directory;
    unsigned files_at_once = 8;
};

Task<> take(BackupSink& sink, Pools& pools, std::filesystem::path path, std::filesystem::path below) {
    auto open = [path] { return std::make_shared<const LocalFile>(LocalFile::open(path)); };
    const auto file = co_await on_pool(pools.blocking, std::move(open));
    Entry entry;
    entry.path = path.lexically_relative(below).string();
    entry.size = file->size();
    co_await sink.take_file(std::move(entry), file, ChunkProfile::page);
}

std::vector<std::filesystem::path> files_below(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& each : std::filesystem::recursive_directory_iterator{directory}) {
        if (each.is_regular_file() && !each.is_symlink()) files.push_back(each.path());
    }
    return files;
}

double cpu_seconds() {
    struct ::rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const ::timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long peak_mib() {
    struct ::rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

int measure(const Request& request, const IngestOptions& options) {
    asio::io_context io;
    asio::thread_pool cpu{options.workers}, log{1}, blocking{8};
    Pools pools{cpu, log, blocking};
    Nowhere nowhere;
    const ChunkIndex index;
    SealingContext sealing;
    sealing.recipients = {{.role = Role::restore, .key = x25519_public(Secret::random())},
                          {.role = Role::maintain, .key = x25519_public(Secret::random())}};
    Ingest ingest{pools,   nowhere, index, sealing, derive_source_keys(Secret::random(), {}, SourceName{"bench"}),
                  options, nullptr, {}};
    auto files = files_below(request.directory);
    const auto fill = [&](BackupSink& sink) -> Task<> {
        co_await for_each_limited(request.files_at_once, files,
                                  [&](const std::filesystem::path& path) { return take(sink, pools, path, request.directory); });
    };

    std::exception_ptr failure;
    const auto began = std::chrono::steady_clock::now();
    asio::co_spawn(
        io, [&]() -> Task<> { std::filesystem::remove((co_await ingest.run(fill)).list_file.path); },
        [&](std::exception_ptr thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);

    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const auto totals = ingest.totals();
    const auto megabytes = static_cast<double>(totals.bytes_read) / 1e6;
    std::printf(
        "%zu files, %.0f MB in %.2f s: %.0f MB/s; cpu %.2f s; stored %.1f MB (ratio %.2f) in %llu packs; %llu chunks new, "
        "%llu found; peak %ld MiB\n",
        files.size(), megabytes, took.count(), megabytes / took.count(), cpu_seconds(), static_cast<double>(nowhere.bytes) / 1e6,
        static_cast<double>(totals.bytes_read) / static_cast<double>(nowhere.bytes),
        static_cast<unsigned long long>(nowhere.packs), static_cast<unsigned long long>(totals.chunks_new),
        static_cast<unsigned long long>(totals.chunks_reused), peak_mib());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Request request;
    IngestOptions options;
    options.scratch = std::filesystem::temp_directory_path();
    options.workers = std::thread::hardware_concurrency();
    unsigned chunk_kib = 64;
    std::uint64_t memory_mib = options.memory_max >> 20;
    CLI::App app{"measures ingest"};
    app.add_option("directory", request.directory)->required();
    app.add_option("--level", options.level, "zstd level");
    app.add_option("--chunk", chunk_kib, "KiB of a page chunk");
    app.add_option("--workers", options.workers, "threads that compress");
    app.add_option("--memory", memory_mib, "MiB");
    app.add_option("--files-at-once", request.files_at_once, "files under way together");
    CLI11_PARSE(app, argc, argv);
    options.page_chunk_bytes = chunk_kib << 10;
    options.memory_max = memory_mib << 20;
    try {
        return measure(request, options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pipeline_bench: %s\n", error.what());
        return 1;
    }
}
