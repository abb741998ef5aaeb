/// A folder for what must not outlive its work: binlog files in plain text, of an archive that is encrypted.
#pragma once

#include <filesystem>

#include "varve/file.hpp"

namespace varve::mysql {

/// Nobody else's, whoever restores at the same time, and nobody else may look into it. Removed when this ends; what a process
/// that was killed left behind goes when the next one is made beside it. Blocks. Any thread.
class ScratchFolder {
public:
    /// `beside`: the folder that holds it; made when it is not there.
    explicit ScratchFolder(const std::filesystem::path& beside);
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder();
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
    Descriptor lock_;  ///< of the folder itself: whoever has it is alive
};

}  // namespace varve::mysql
