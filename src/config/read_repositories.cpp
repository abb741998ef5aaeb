#include <algorithm>
#include <regex>

#include "config/read_parts.hpp"

namespace varve {

namespace {

const KnownStore* find_store(const KnownKinds& known, const std::string& scheme) {
    const auto found = std::ranges::find(known.stores, scheme, &KnownStore::scheme);
    return found == known.stores.end() ? nullptr : &*found;
}

/// "file" of "file:///var/backups"; Fault::invalid when there is none, or it names no place.
std::string scheme_of(const std::string& url) {
    const auto end = url.find("://");
    if (end == std::string::npos || end == 0 || url.size() == end + 3)
        throw Error{Fault::invalid, "\"" + url + "\" is no URL"}.hint("Write file:///var/backups/varve.");
    if (url.starts_with("file://") && url[7] != '/')
        throw Error{Fault::invalid, "\"" + url + "\" is no absolute path"}.hint(
            "Write three slashes: file:///var/backups/varve.");
    return url.substr(0, end);
}

bool is_secret(const std::string& key) {
    return key == "access_key" || key == "secret_key" || key == "session_token" || key == "password";
}

RepositorySettings read_one(Section& section, const KnownKinds& known) {
    auto& reading = section.reading();
    RepositorySettings repository;
    repository.place = section.place();
    section.rename("[[repository]] " + section.peek("name"));
    repository.name = RepositoryName{section.text("name", "")};
    if (!std::regex_match(repository.name.text(), std::regex{"[a-z0-9][a-z0-9._-]*"}))
        reading.note(section.place("name"), "a repository needs a name of the letters a-z, 0-9, '.', '_' and '-'");
    repository.url = section.text("url", "");
    repository.required = section.flag("required", true);
    refuse_password_inside(reading, section.place("url"), "url", repository.url);
    try {
        repository.scheme = scheme_of(repository.url);
    } catch (const Error& error) {
        reading.note(section.place("url"), "`url`", error);
        section.forgive_the_rest();
        return repository;
    }
    const auto* store = find_store(known, repository.scheme);
    if (!store) {
        std::string schemes;
        for (const auto& kind : known.stores) schemes += (schemes.empty() ? "" : ", ") + kind.scheme + "://";
        reading.note(section.place("url"), "this build stores nothing at " + repository.scheme + "://",
                     "It knows " + schemes + ".");
        section.forgive_the_rest();
        return repository;
    }
    for (const auto& key : store->keys) {
        if (!section.has(key))
            section.expect(key);
        else if (is_secret(key))
            repository.settings.set(key, {.values = {section.secret(key, "")}, .is_list = false, .place = section.place(key)});
        else
            section.pass_on(key, repository.settings);
    }
    section.finish(section.name());
    return repository;
}

}  // namespace

std::vector<RepositorySettings> read_repositories(ConfigFiles& files, const KnownKinds& known) {
    std::vector<RepositorySettings> all;
    auto& reading = files.root().reading();
    for (auto& section : files.tables("repository")) {
        auto repository = read_one(section, known);
        for (const auto& other : all) {
            if (other.name == repository.name)
                reading.note(repository.place, "two repositories are named '" + repository.name.text() + "'",
                             "The other is at " + other.place + ".");
            if (other.url == repository.url)
                reading.note(repository.place, "two repositories lie at " + repository.url,
                             "The other is at " + other.place + ".");
        }
        all.push_back(std::move(repository));
    }
    if (all.empty())
        reading.note("", "there is no [[repository]]: nothing could be stored",
                     "Add one with a name and a url, such as file:///var/backups/varve.");
    else if (std::ranges::none_of(all, &RepositorySettings::required))
        reading.note(all.front().place, "no repository is required: success would mean nothing",
                     "Leave `required = false` out of one of them.");
    return all;
}

}  // namespace varve
