/// One descriptor for each inode that LocalFiles of this process read.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "varve/file.hpp"

namespace varve {

/// For reading. `found` is an O_PATH descriptor of a regular file, `status` its fstat. Blocks while the inode's last descriptor
/// is being closed: a close that came after SQLite had locked the file would unlock it. Any thread.
std::shared_ptr<const Descriptor> open_shared(const Descriptor& found, const struct ::stat& status,
                                              const std::filesystem::path& path);

}  // namespace varve
