#include "format/format.hpp"

#include "varve/error.hpp"

namespace varve {

std::int64_t to_format(Instant time) { return time.time_since_epoch().count(); }
Instant from_format(std::int64_t microseconds) { return Instant{std::chrono::microseconds{microseconds}}; }

void to_format(const Lineage& lineage, format::LineageFacts& into) {
    into.set_name(lineage.name.text());
    into.set_begins_at(lineage.begins_at);
    into.set_has_parent(lineage.parent.has_value());
    if (lineage.parent) {
        into.set_parent(lineage.parent->lineage.text());
        into.set_parent_position(lineage.parent->at);
        into.set_parent_position_text(lineage.parent->text);
    }
    for (const auto& [name, value] : lineage.facts) (*into.mutable_facts())[name] = value;
}

Lineage from_format(const format::LineageFacts& facts) {
    Lineage lineage{.name = LineageName{facts.name()}, .begins_at = facts.begins_at(), .parent = std::nullopt, .facts = {}};
    if (facts.has_parent()) {
        lineage.parent = LogPosition{
            .lineage = LineageName{facts.parent()}, .at = facts.parent_position(), .text = facts.parent_position_text()};
    }
    lineage.facts.insert(facts.facts().begin(), facts.facts().end());
    return lineage;
}

void to_format(const Entry& entry, format::FileEntry& into) {
    into.set_path(entry.path);
    into.set_kind(static_cast<std::uint32_t>(entry.kind));
    into.set_size(entry.size);
    into.set_mode(entry.mode);
    into.set_uid(entry.uid);
    into.set_gid(entry.gid);
    into.set_user(entry.user);
    into.set_group(entry.group);
    into.set_mtime_ns(entry.mtime_ns);
    into.set_ctime_ns(entry.ctime_ns);
    into.set_device(entry.device);
    into.set_inode(entry.inode);
    into.set_link_target(entry.link_target);
    for (const auto& [name, value] : entry.attributes) {
        auto& attribute = *into.add_attributes();
        attribute.set_name(name);
        attribute.set_value(value);
    }
}

Entry from_format(const format::FileEntry& entry) {
    if (entry.kind() < 1 || entry.kind() > 7) {
        throw Error{Fault::unsupported, "the file list has an entry of kind " + std::to_string(entry.kind())}.hint(
            "Use a newer Varve.");
    }
    Entry result{.path = entry.path(),
                 .kind = static_cast<EntryKind>(entry.kind()),
                 .size = entry.size(),
                 .mode = entry.mode(),
                 .uid = entry.uid(),
                 .gid = entry.gid(),
                 .user = entry.user(),
                 .group = entry.group(),
                 .mtime_ns = entry.mtime_ns(),
                 .ctime_ns = entry.ctime_ns(),
                 .device = entry.device(),
                 .inode = entry.inode(),
                 .link_target = entry.link_target(),
                 .attributes = {},
                 .ordinal = 0};
    for (const auto& attribute : entry.attributes()) result.attributes[attribute.name()] = attribute.value();
    return result;
}

}  // namespace varve
