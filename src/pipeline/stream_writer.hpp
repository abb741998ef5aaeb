/// The writer a driver pushes an entry's content into.
#pragma once

#include <functional>
#include <memory>

#include "pipeline/content_stream.hpp"

namespace varve {

class StreamWriter final : public EntryWriter {
public:
    /// Keeps the entry once its content is whole.
    using Record = std::function<Task<>(Entry, Content)>;

    StreamWriter(std::shared_ptr<ContentStream> stream, Entry entry, Record record);
    Task<> write(Bytes block) override;
    Task<> finish() override;

private:
    Task<> feed(Bytes piece, bool last);

    std::shared_ptr<ContentStream> stream_;
    Entry entry_;
    Record record_;
    Bytes held_;  ///< small blocks, until they make a piece
    bool finished_ = false;
};

}  // namespace varve
