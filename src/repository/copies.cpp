#include "repository/copies.hpp"

#include <algorithm>
#include <map>

#include "varve/async.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

Copies::Copies(std::vector<Copy> copies) : copies_{std::move(copies)} {
    if (copies_.empty()) throw Error{Fault::invalid, "no copy of the repository is configured"};
}

Copies::Work::Work(Copies& copies) : copies_{copies}, in_(copies.copies_.size(), true) {}

void Copies::Work::leave_out(const RepositoryName& copy, std::string_view why) {
    for (std::size_t i = 0; i < in_.size(); ++i) {
        if (copies_.copies_[i].name != copy || !in_[i]) continue;
        in_[i] = false;
        log(LogLevel::warning, copy.text(), "this copy is left out: " + std::string{why});
    }
}

/// Runs `act(store)` on every copy that still takes part.
template <class Act>
Task<> Copies::Work::on_each(Act act, std::string step) {
    auto one = [](Work& work, std::size_t number, const Act& action, const std::string& what) -> Task<> {
        const auto& copy = work.copies_.copies_[number];
        try {
            co_await action(*copy.store);
        } catch (Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            error.during(what).during("copy " + copy.name.text());
            if (copy.required) throw;
            if (work.in_[number]) log_failure(LogLevel::warning, copy.name.text(), error);
            work.in_[number] = false;
        }
    };
    TaskGroup group{co_await asio::this_coro::executor};
    auto all = [](TaskGroup& children, Work& work, const Act& action, const std::string& what, auto& run_one) -> Task<> {
        for (std::size_t i = 0; i < work.in_.size(); ++i) {
            if (work.in_[i]) children.spawn(run_one(work, i, action, what));
        }
        co_return;
    };
    co_await group.run(all(group, *this, act, step, one));
}

Task<> Copies::Work::put(ObjectKey key, ByteView bytes) {
    auto act = [&](Store& store) -> Task<> { return store.put(key, bytes); };
    co_await on_each(act, "storing " + key.text());
}

Task<> Copies::Work::barrier() {
    auto act = [](Store& store) -> Task<> { return store.barrier(); };
    co_await on_each(act, "making it durable");
}

std::vector<RepositoryName> Copies::Work::complete() const {
    std::vector<RepositoryName> names;
    for (std::size_t i = 0; i < in_.size(); ++i) {
        if (in_[i]) names.push_back(copies_.copies_[i].name);
    }
    return names;
}

std::vector<RepositoryName> Copies::Work::left_out() const {
    std::vector<RepositoryName> names;
    for (std::size_t i = 0; i < in_.size(); ++i) {
        if (!in_[i]) names.push_back(copies_.copies_[i].name);
    }
    return names;
}

Task<ObjectDigests> Copies::digests_of_object(const Bytes& bytes) {
    if (hashing_ == nullptr) co_return digests_of(bytes);
    // The caller's buffer outlives this: on_pool resumes only when the work has ended.
    co_return co_await on_pool(*hashing_, [view = ByteView{bytes}] { return digests_of(view); });
}

Task<Bytes> Copies::get(ObjectKey key) {
    auto object = co_await get_signed(std::move(key));
    co_return std::move(object.bytes);
}

Task<Copies::Named> Copies::get_signed(ObjectKey key) {
    const auto name = digest_of(key);
    if (!name) throw Error{Fault::invalid, "no object has the name " + key.text()};
    std::optional<Error> unanswered;
    bool damaged = false;
    for (const auto& copy : copies_) {
        Bytes bytes;
        try {
            bytes = co_await copy.store->get(key);
        } catch (Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            if (error.fault() == Fault::missing) continue;
            error.during("reading " + key.text()).during("copy " + copy.name.text());
            if (copies_.size() > 1) log_failure(LogLevel::warning, copy.name.text(), error);
            if (error.fault() == Fault::corrupt) {
                damaged = true;
            } else if (!unanswered || (error.retryable() && !unanswered->retryable())) {
                unanswered = error;
            }
            continue;
        }
        const auto digests = co_await digests_of_object(bytes);
        if (digests.whole == *name) co_return Named{.bytes = std::move(bytes), .signed_part = digests.signed_part};
        damaged = true;
        log(LogLevel::error, copy.name.text(), key.text() + " is damaged in this copy");
    }
    if (unanswered) throw *unanswered;
    if (damaged) {
        throw Error{Fault::corrupt, key.text() + " is damaged in every copy that has it"}
            .hint("If another copy of the repository exists, configure it; varve verify shows what else is damaged.")
            .with("object", key.text());
    }
    throw Error{Fault::missing, key.text() + " is in no copy of the repository"}.with("object", key.text());
}

namespace {

class Collector final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        objects.push_back(object);
        return true;
    }
    std::vector<ObjectInfo> objects;
};

}  // namespace

Task<Copies::Listing> Copies::list_held(std::string prefix, std::string after, Answers answers) {
    std::vector<Collector> collectors(copies_.size());
    std::vector<std::optional<Error>> failures(copies_.size());
    auto one = [](const Copy& copy, std::string below, std::string from, Collector& into,
                  std::optional<Error>& failure) -> Task<> {
        try {
            co_await copy.store->list(below, from, into);
        } catch (Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            failure = error.during("listing " + below).during("copy " + copy.name.text());
        }
    };
    TaskGroup group{co_await asio::this_coro::executor};
    auto all = [&]() -> Task<> {
        for (std::size_t i = 0; i < copies_.size(); ++i) group.spawn(one(copies_[i], prefix, after, collectors[i], failures[i]));
        co_return;
    };
    co_await group.run(all());

    Listing listing;
    std::map<std::string, HeldObject> held;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
        const auto& name = copies_[i].name;
        if (failures[i]) {
            if (answers == Answers::all) throw *failures[i];
            listing.unanswered.push_back(name);
            if (copies_.size() > 1) log_failure(LogLevel::warning, name.text(), *failures[i]);
            continue;
        }
        for (auto& object : collectors[i].objects) {
            auto& entry = held.try_emplace(object.key.text(), HeldObject{.object = object, .copies = {}}).first->second;
            entry.copies.push_back(name);
        }
        collectors[i].objects = {};
    }
    if (listing.unanswered.size() == copies_.size()) throw *failures.front();
    listing.objects.reserve(held.size());
    for (auto& [key, object] : held) listing.objects.push_back(std::move(object));
    co_return listing;
}

Task<std::vector<ObjectInfo>> Copies::list(std::string prefix, std::string after, Answers answers) {
    auto listing = co_await list_held(std::move(prefix), std::move(after), answers);
    std::vector<ObjectInfo> objects;
    objects.reserve(listing.objects.size());
    for (auto& held : listing.objects) objects.push_back(std::move(held.object));
    co_return objects;
}

Task<Instant> Copies::now() {
    std::optional<Error> failure;
    for (const bool required : {true, false}) {
        for (const auto& copy : copies_) {
            if (copy.required != required) continue;
            try {
                co_return co_await copy.store->now();
            } catch (Error& error) {
                if (error.fault() == Fault::cancelled) throw;
                if (!failure) failure = error.during("asking for its time").during("copy " + copy.name.text());
            }
        }
    }
    throw *failure;
}

}  // namespace varve
