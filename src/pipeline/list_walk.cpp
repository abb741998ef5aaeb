#include "pipeline/list_walk.hpp"

namespace varve {

namespace {

constexpr char behind_slash = '/' + 1;

Listed unrecorded_folder(std::string path) {
    Listed folder{.entry = {}, .recorded = false};
    folder.entry.path = std::move(path);
    folder.entry.kind = EntryKind::directory;
    return folder;
}

}  // namespace

std::optional<Listed> find_listed(const RecallList& list, const std::string& path) {
    if (const auto found = list.find(path.empty() ? "." : path)) return Listed{.entry = list.entry(*found)};
    if (path.empty()) return unrecorded_folder(".");
    const auto below = path + "/";
    const auto first = list.first_from(below);
    if (first == list.size() || !list.path(first).starts_with(below)) return std::nullopt;
    return unrecorded_folder(path);
}

FolderWalk::FolderWalk(std::shared_ptr<const RecallList> list, const std::string& folder, Depth depth)
    : list_{std::move(list)}, prefix_{folder.empty() ? folder : folder + "/"}, depth_{depth}, at_{list_->first_from(prefix_)} {}

std::vector<Listed> FolderWalk::next(std::size_t count) {
    std::vector<Listed> found;
    while (found.size() < count && at_ < list_->size()) {
        const auto path = list_->path(at_);
        if (!path.starts_with(prefix_)) break;
        const auto slash = depth_ == Depth::here ? path.find('/', prefix_.size()) : std::string::npos;
        if (slash == std::string::npos) {
            if (path != ".") found.push_back({.entry = list_->entry(at_)});
            ++at_;
            continue;
        }
        auto folder = path.substr(0, slash);
        at_ = list_->first_from(folder + behind_slash);
        if (!list_->find(folder)) found.push_back(unrecorded_folder(std::move(folder)));
    }
    return found;
}

}  // namespace varve
