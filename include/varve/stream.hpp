/// Streams are pulled or pushed one block at a time, so memory is bounded and no end is lost.
#pragma once

#include "varve/bytes.hpp"
#include "varve/task.hpp"

namespace varve {

class ByteSource {
public:
    virtual ~ByteSource() = default;
    /// The next block of the stream; an empty block means the stream has ended.
    virtual Task<Bytes> read() = 0;
};

class ByteSink {
public:
    virtual ~ByteSink() = default;
    virtual Task<> write(Bytes block) = 0;
    /// The stream is whole. Without it, what was written is dropped.
    virtual Task<> finish() = 0;
};

}  // namespace varve
