/// The copies of one repository: the same objects in several stores.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/envelope.hpp"
#include "repository/object_keys.hpp"
#include "varve/store.hpp"

namespace varve {

struct Copy {
    RepositoryName name;
    std::shared_ptr<Store> store;
    bool required = true;
};

/// An object, and which copies have it.
struct HeldObject {
    ObjectInfo object;  ///< size and time as the first copy that has it says
    std::vector<RepositoryName> copies;
};

/// io thread.
class Copies {
public:
    explicit Copies(std::vector<Copy> copies);

    const std::vector<Copy>& all() const noexcept { return copies_; }
    /// From now on what is read is hashed there and not on the io thread.
    void hash_on(boost::asio::thread_pool& pool) noexcept { hashing_ = &pool; }

    /// One piece of work (a backup, a log object) and the copies that still take part. A copy that is not required and fails is
    /// left out of the rest of this work and reported; a required one that fails ends the work with its error.
    class Work {
    public:
        explicit Work(Copies& copies);
        /// Before the first put: this copy, which is not required, takes no part.
        void leave_out(const RepositoryName& copy, std::string_view why);
        Task<> put(ObjectKey key, ByteView bytes);
        Task<> barrier();
        /// Names of the copies that have everything put so far.
        std::vector<RepositoryName> complete() const;
        std::vector<RepositoryName> left_out() const;

    private:
        template <class Act>
        Task<> on_each(Act act, std::string step);

        Copies& copies_;
        std::vector<bool> in_;
    };

    /// The object from the first copy that gives bytes whose SHA-256 is the one its key ends in. A copy that gives others is
    /// reported and passed over. Fault::corrupt (exit 13) when all that have it are damaged, Fault::missing when every copy
    /// answered that it has none, else the error of the copy that could not answer.
    Task<Bytes> get(ObjectKey key);
    /// As get(), with what whoever checks the object's signature needs: one pass over the bytes does for both.
    struct Named {
        Bytes bytes;
        Digest signed_part{};  ///< digests_of() them
    };
    Task<Named> get_signed(ObjectKey key);

    /// Keys below `prefix` after `after`: the union over all copies that answer. With `Answers::all`, a copy that does not answer
    /// fails the call; with `Answers::any`, one answer is enough, and who did not answer is in the listing.
    enum class Answers { any, all };
    struct Listing {
        std::vector<HeldObject> objects;  ///< in byte order of keys
        std::vector<RepositoryName> unanswered;
    };
    Task<Listing> list_held(std::string prefix, std::string after = {}, Answers answers = Answers::any);
    Task<std::vector<ObjectInfo>> list(std::string prefix, std::string after = {}, Answers answers = Answers::any);
    /// The clock of the first copy that answers, required ones first.
    Task<Instant> now();

private:
    Task<ObjectDigests> digests_of_object(const Bytes& bytes);

    std::vector<Copy> copies_;
    boost::asio::thread_pool* hashing_ = nullptr;
};

}  // namespace varve
