#include "mysql/binlog_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "varve/error.hpp"

namespace varve::mysql {

void BinlogFileWriter::write(const WalkedBytes& part) {
    if (files_.empty() || files_.back().name != part.file.name) begin(part.file.name);
    write_all(file_.get(), part.bytes, path_);
    files_.back().bytes += part.bytes.size();
}

void BinlogFileWriter::sync() {
    if (file_ && ::fsync(file_.get()) != 0) throw system_error(errno, "fsync", path_);
}

void BinlogFileWriter::begin(const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos)
        throw Error{Fault::corrupt, "the log names a file outside of its folder"};
    sync();
    path_ = folder_ / name;
    file_ = Descriptor{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file_) throw system_error(errno, "create", path_);
    files_.push_back({.name = name, .bytes = 0});
}

}  // namespace varve::mysql
