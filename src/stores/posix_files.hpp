/// The blocking half of the POSIX store: what is done to files and directories, step by step. Blocking pool.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "varve/bytes.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/store.hpp"

namespace varve::posix_files {

/// The store's directory and its `tmp/`, opened for one piece of work, so that a disk can be unmounted between two.
struct Root {
    std::filesystem::path path;
    Descriptor base, tmp;
};

/// `tmp/` is the mark of a store: an empty mount point has none, so an unmounted disk is not taken for an empty repository.
/// Fault::unreachable with the code `repository_missing` when one of the two is not there: nothing positive is known of any
/// object then, which Fault::missing would claim.
Root open_root(const std::filesystem::path& path);

/// Makes the directory and its `tmp/`, durably. Fault::conflict when it holds something else.
void create_root(const std::filesystem::path& path);

/// Removes what unfinished puts left in `tmp/` more than seven days ago.
void sweep(const Root& root);

/// An fsync failed: what was written may be lost although later ones succeed. It never leaves the store, which turns into an
/// Error and refuses every call from then on.
struct SyncFailed {
    std::string sentence;
};

/// Writes `body` under `key` unless the same bytes are there. Throws SyncFailed when the new file cannot be made durable.
void put(const Root& root, const std::string& key, ByteView body);
/// Makes the entries of `folder` durable ("" is the store's own directory). Throws SyncFailed.
void sync_folder(const Root& root, const std::string& folder);

/// What a failed read() of an opened object means: Fault::corrupt, naming the key, when the medium gave other bytes or none; else
/// by errno.
Error unreadable(int error_number, const std::filesystem::path& path, const std::string& key);
Bytes get(const Root& root, const std::string& key, const ByteRange& range);
std::optional<ObjectInfo> find(const Root& root, const std::string& key);
void remove(const Root& root, const std::string& key);

/// One directory's entries: objects, and folders whose key ends in `/`, in byte order of these texts: so a walk that enters each
/// folder where it stands visits all keys in byte order.
struct Listed {
    std::string key;
    bool is_folder = false;
    ObjectInfo object;
};
/// `folder` is empty or ends in `/`. One that was seen a moment ago and is away now is an error, or a listing would look whole.
enum class Absent { is_empty, is_error };
std::vector<Listed> list(const Root& root, const std::string& folder, Absent absent);

}  // namespace varve::posix_files
