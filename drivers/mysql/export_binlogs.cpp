#include "mysql/export_binlogs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "mysql/file_splitter.hpp"
#include "mysql/log_map.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

namespace {

/// Files that are written one after the other. Blocks.
class FileWriter {
public:
    explicit FileWriter(std::filesystem::path to) : to_{std::move(to)} {}

    void write(const FileSplitter::Part& part) {
        if (files_.empty() || files_.back().name != part.file) begin(part.file);
        write_all(file_.get(), part.bytes, path_);
        files_.back().bytes += part.bytes.size();
    }
    void end() {
        if (!file_) return;
        if (::fsync(file_.get()) != 0) throw system_error(errno, "fsync", path_);
        file_ = Descriptor{};
    }
    const std::vector<ExportedFile>& files() const noexcept { return files_; }

private:
    void begin(const std::string& name) {
        end();
        path_ = to_ / name;
        file_ = Descriptor{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
        if (!file_) throw system_error(errno, "creating", path_);
        files_.push_back({.name = name, .bytes = 0});
    }

    std::filesystem::path to_, path_;
    Descriptor file_;
    std::vector<ExportedFile> files_;
};

}  // namespace

Task<std::vector<ExportedFile>> export_binlogs(std::filesystem::path to, LogSource& log, Pools& pools) {
    const auto& stretch = log.path().at(0);
    FileSplitter splitter{parse_lineage(stretch.lineage.name).first.name};
    FileWriter writer{to};
    co_await on_pool(pools.blocking, [to] { make_directories(to); });
    const auto source = log.read(stretch.lineage.name, stretch.from, stretch.to);
    for (bool is_end = false; !is_end;) {
        auto block = co_await source->read();
        is_end = block.empty();
        const auto write = [&] {
            for (const auto& part : is_end ? splitter.finish() : splitter.feed(block)) writer.write(part);
        };
        co_await on_pool(pools.blocking, write);
    }
    co_await on_pool(pools.blocking, [&] {
        writer.end();
        fsync_directory(to);
    });
    co_return writer.files();
}

}  // namespace varve::mysql
