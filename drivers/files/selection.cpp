#include "files/selection.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve::files {
namespace {

/// Without slashes at its ends, without `.`.
std::string list_path(const std::string& typed) {
    std::string path;
    for (std::size_t begin = 0; begin <= typed.size();) {
        const auto slash = std::min(typed.find('/', begin), typed.size());
        const auto part = typed.substr(begin, slash - begin);
        if (!part.empty() && part != ".") path += (path.empty() ? "" : "/") + part;
        begin = slash + 1;
    }
    return path;
}

/// Calls `visit` with each folder above `path`, the nearest first, until it gives true. Whether one did.
template <class Visit>
bool any_folder_above(const std::string& path, Visit visit) {
    for (auto slash = path.rfind('/'); slash != std::string::npos;
         slash = slash == 0 ? std::string::npos : path.rfind('/', slash - 1))
        if (visit(path.substr(0, slash))) return true;
    return false;
}

}  // namespace

Selection::Selection(const std::vector<std::string>& include) {
    for (const auto& text : include) {
        Wanted wanted{.text = text, .path = list_path(text), .pattern = {}, .is_pattern = false, .met = false};
        wanted.is_pattern = text.find_first_of("*?[") != std::string::npos;
        if (wanted.path.empty() || text.front() == '!')
            throw Error{Fault::invalid, "--include " + text + " means nothing"}.hint(
                "Name a path of the backup, or a pattern such as '*.jpg'. Without --include everything is restored.");
        if (wanted.is_pattern) wanted.pattern = Patterns{{text}};
        wanted_.push_back(std::move(wanted));
    }
}

bool Selection::means(const Wanted& wanted, const Entry& entry) {
    if (entry.path == wanted.path || entry.path.starts_with(wanted.path + "/")) return true;
    if (!wanted.is_pattern) return false;
    if (wanted.pattern.match(entry.path, entry.kind == EntryKind::directory)) return true;
    return any_folder_above(entry.path, [&](const std::string& folder) { return wanted.pattern.match(folder, true); });
}

void Selection::look(const Entry& entry) {
    if (entry.path == ".") return;
    bool met = false;
    for (auto& wanted : wanted_) {
        if (!means(wanted, entry)) continue;
        wanted.met = met = true;
    }
    if (!met) return;
    // A folder that is known has all above it known.
    any_folder_above(entry.path, [this](const std::string& folder) { return !folders_.insert(folder).second; });
    if (entry.kind == EntryKind::hardlink) further_.try_emplace(entry.link_target, entry.path);
}

void Selection::settle() const {
    for (const auto& wanted : wanted_) {
        if (wanted.met) continue;
        throw Error{Fault::missing, "nothing in the backup matches --include " + wanted.text}
            .code("path_not_found", 1)
            .with("include", wanted.text)
            .hint("Look for it with varve ls or varve find. Nothing was written.");
    }
}

bool Selection::has(const Entry& entry) const {
    return is_everything() || std::ranges::any_of(wanted_, [&](const Wanted& wanted) { return means(wanted, entry); });
}

bool Selection::has_folder(const Entry& folder) const {
    return folder.path == "." || folders_.contains(folder.path) || has(folder);
}

std::string Selection::content_path(const Entry& file) const {
    if (has(file)) return file.path;
    const auto further = further_.find(file.path);
    return further == further_.end() ? std::string{} : further->second;
}

Entry Selection::relinked(Entry hardlink) const {
    Entry first;
    first.path = hardlink.link_target;
    first.kind = EntryKind::file;
    if (has(first)) return hardlink;
    const auto& stands_in = further_.at(hardlink.link_target);
    if (stands_in == hardlink.path)
        hardlink.kind = EntryKind::file;
    else
        hardlink.link_target = stands_in;
    return hardlink;
}

}  // namespace varve::files
