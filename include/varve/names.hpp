/// Each kind of name has its own type, so that a source cannot be passed where a key is meant.
#pragma once

#include <compare>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace varve {

template <class Tag>
class Name {
public:
    Name() = default;
    explicit Name(std::string text) : text_{std::move(text)} {}

    const std::string& text() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

    friend auto operator<=>(const Name&, const Name&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Name& name) { return out << name.text_; }

private:
    std::string text_;
};

/// One thing to protect, as written in the configuration: `pg/main`.
using SourceName = Name<struct SourceNameTag>;
/// Where an object lies in a store: `pack/…/…`. Printable ASCII, components divided by `/`.
using ObjectKey = Name<struct ObjectKeyTag>;
/// One copy of the repository, as written in the configuration: `local`.
using RepositoryName = Name<struct RepositoryNameTag>;
/// One unbroken history of a source, in the driver's own words; the same text always means the same history.
using LineageName = Name<struct LineageNameTag>;
/// One backup of a source: its start time and the first eight hex digits of its manifest's hash.
using BackupId = Name<struct BackupIdTag>;

}  // namespace varve

template <class Tag>
struct std::hash<varve::Name<Tag>> {
    std::size_t operator()(const varve::Name<Tag>& name) const noexcept { return std::hash<std::string>{}(name.text()); }
};
