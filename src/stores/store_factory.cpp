#include "stores/store_factory.hpp"

#include <filesystem>
#include <string>

#include "stores/posix_store.hpp"
#include "varve/error.hpp"

namespace varve {
namespace {

constexpr std::string_view file_scheme = "file://";

/// The directory of a file url. The path is taken as it stands: no percent-decoding.
std::filesystem::path directory_of(std::string_view url) {
    const auto colon = url.find("://");
    if (colon == std::string_view::npos) {
        throw Error{Fault::invalid, "\"" + std::string{url} + "\" is not a repository url"}.hint("Write file:///absolute/path.");
    }
    if (!url.starts_with(file_scheme)) {
        throw Error{Fault::unsupported, "this build has no store for " + std::string{url.substr(0, colon + 3)}}.hint(
            "Known: file://");
    }
    const auto path = url.substr(file_scheme.size());
    if (!path.starts_with('/')) {
        throw Error{Fault::invalid, "\"" + std::string{url} + "\" names no absolute path"}.hint(
            "Write file:///absolute/path, with three slashes.");
    }
    return path;
}

}  // namespace

std::shared_ptr<Store> make_store(std::string_view url, StoreServices services) {
    return std::make_shared<PosixStore>(directory_of(url), services.pools.blocking, services.clock);
}

Task<> create_store_place(std::string url, StoreServices services) {
    const auto directory = directory_of(url);
    co_await on_pool(services.pools.blocking, [directory] { PosixStore::create(directory); });
}

}  // namespace varve
