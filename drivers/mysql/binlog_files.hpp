/// The binlog files of a log as files again, byte for byte, one after the other.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mysql/binlog_walk.hpp"
#include "varve/driver.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

/// Blocks. Fault::conflict when a file is there already.
class BinlogFileWriter {
public:
    explicit BinlogFileWriter(std::filesystem::path folder) : folder_{std::move(folder)} {}

    void write(const WalkedBytes& part);
    /// What was written is on disk.
    void sync();
    const std::vector<ExportedFile>& files() const noexcept { return files_; }

private:
    void begin(const std::string& name);

    std::filesystem::path folder_, path_;
    Descriptor file_;
    std::vector<ExportedFile> files_;
};

}  // namespace varve::mysql
