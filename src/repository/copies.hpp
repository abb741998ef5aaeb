/// The copies of one repository: the same objects in several stores.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "format/chunk.hpp"
#include "varve/store.hpp"

namespace varve {

struct Copy {
    RepositoryName name;
    std::shared_ptr<Store> store;
    bool required = true;
};

/// io thread.
class Copies {
public:
    explicit Copies(std::vector<Copy> copies);

    const std::vector<Copy>& all() const noexcept { return copies_; }

    /// One piece of work (a backup, a log object) and the copies that still take part. A copy that is not required and fails is
    /// left out of the rest of this work and reported; a required one that fails ends the work with its error.
    class Work {
    public:
        explicit Work(Copies& copies);
        Task<> put(ObjectKey key, ByteView bytes);
        Task<> barrier();
        /// Names of the copies that have everything put so far.
        std::vector<RepositoryName> complete() const;
        std::vector<RepositoryName> left_out() const;

    private:
        Copies& copies_;
        std::vector<bool> in_;
    };

    /// The object from the first copy that gives bytes whose SHA-256 is the one its key ends in. A copy that gives others is
    /// reported and passed over. Fault::corrupt (exit 13) when all that have it are damaged, Fault::missing when every copy
    /// answered that it has none, else the error of the copy that could not answer.
    Task<Bytes> get(ObjectKey key);

    /// Keys below `prefix` after `after`: the union over all copies that answer. With `Answers::all`, a copy that does not answer
    /// fails the call; with `Answers::any`, one answer is enough.
    enum class Answers { any, all };
    Task<std::vector<ObjectInfo>> list(std::string prefix, std::string after = {}, Answers answers = Answers::any);
    Task<Instant> now();

private:
    std::vector<Copy> copies_;
};

/// The SHA-256 an object key ends in, or nothing.
std::optional<Digest> digest_of(const ObjectKey& key);

}  // namespace varve
