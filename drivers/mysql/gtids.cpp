#include "mysql/gtids.hpp"

#include <algorithm>
#include <charconv>

#include "varve/bytes.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

Error bad_text(std::string_view text) { return Error{Fault::invalid, "this is no list of GTIDs: " + std::string{text}}; }

template <class Number>
Number number_in(std::string_view text, std::string_view whole) {
    Number number{};
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || end != text.data() + text.size() || text.empty()) throw bad_text(whole);
    return number;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Calls `visit` with every part between two `separator`s, trimmed; none for an empty text.
template <class Visit>
void each_part(std::string_view text, char separator, Visit visit) {
    text = trimmed(text);
    while (!text.empty()) {
        const auto part = text.substr(0, text.find(separator));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        if (const auto word = trimmed(part); !word.empty()) visit(word);
    }
}

std::array<std::uint8_t, 16> uuid_in(std::string_view text, std::string_view whole) {
    std::string digits;
    std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '-'; });
    if (digits.size() != 32) throw bad_text(whole);
    Bytes bytes;
    try {
        bytes = from_hex(digits);
    } catch (const Error&) {
        throw bad_text(whole);
    }
    std::array<std::uint8_t, 16> uuid{};
    std::ranges::copy(bytes, uuid.begin());
    return uuid;
}

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid) {
    auto text = to_hex(uuid);
    for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, "-");
    return text;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------------ MySQL

GtidSet GtidSet::parse(std::string_view text) {
    GtidSet set;
    each_part(text, ',', [&](std::string_view member) {
        std::optional<GtidSource> source;
        each_part(member, ':', [&](std::string_view part) {
            if (!source) {
                source = GtidSource{uuid_in(part, text), {}};
            } else if (part.front() < '0' || part.front() > '9') {
                source->tag = part;
            } else {
                const auto dash = part.find('-');
                const auto first = number_in<std::uint64_t>(part.substr(0, dash), text);
                const auto last = dash == std::string_view::npos ? first : number_in<std::uint64_t>(part.substr(dash + 1), text);
                if (first == 0) throw bad_text(text);
                set.add(*source, first, last);
            }
        });
    });
    return set;
}

std::string GtidSet::text() const {
    std::string text;
    const std::array<std::uint8_t, 16>* uuid = nullptr;
    for (const auto& [source, intervals] : sources_) {
        if (uuid == nullptr || *uuid != source.uuid) text += (text.empty() ? "" : ",") + uuid_text(source.uuid);
        uuid = &source.uuid;
        if (!source.tag.empty()) text += ":" + source.tag;
        for (const auto& [first, last] : intervals)
            text += ":" + std::to_string(first) + (last == first ? "" : "-" + std::to_string(last));
    }
    return text;
}

void GtidSet::add(const GtidSource& source, std::uint64_t first, std::uint64_t last) {
    if (last < first) return;
    auto& intervals = sources_[source];
    // The first one that ends at or beyond the place just before ours: it and those up to our end become one with it.
    auto at = std::ranges::lower_bound(intervals, first - 1, {}, &Interval::second);
    auto end = at;
    for (; end != intervals.end() && end->first <= last + 1; ++end) {
        first = std::min(first, end->first);
        last = std::max(last, end->second);
    }
    at = intervals.erase(at, end);
    intervals.insert(at, {first, last});
}

bool GtidSet::contains(const GtidSet& other) const {
    for (const auto& [source, intervals] : other.sources_) {
        const auto ours = sources_.find(source);
        if (ours == sources_.end()) return false;
        for (const auto& [first, last] : intervals) {
            const auto at = std::ranges::lower_bound(ours->second, last, {}, &Interval::second);
            if (at == ours->second.end() || at->first > first) return false;
        }
    }
    return true;
}

bool GtidSet::intersects(const GtidSet& other) const {
    for (const auto& [source, intervals] : other.sources_) {
        const auto ours = sources_.find(source);
        if (ours == sources_.end()) continue;
        for (const auto& [first, last] : intervals) {
            const auto at = std::ranges::lower_bound(ours->second, first, {}, &Interval::second);
            if (at != ours->second.end() && at->first <= last) return true;
        }
    }
    return false;
}

// ---------------------------------------------------------------------------------------------------------------- MariaDB

GtidState GtidState::parse(std::string_view text) {
    GtidState state;
    each_part(text, ',', [&](std::string_view member) {
        const auto first = member.find('-'), second = member.find('-', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos) throw bad_text(text);
        state.add({.domain = number_in<std::uint32_t>(member.substr(0, first), text),
                   .server = number_in<std::uint32_t>(member.substr(first + 1, second - first - 1), text),
                   .number = number_in<std::uint64_t>(member.substr(second + 1), text)});
    });
    return state;
}

std::string GtidState::text() const {
    std::string text;
    const auto put = [&](std::uint32_t domain, std::uint32_t server, std::uint64_t number) {
        text += (text.empty() ? "" : ",") + std::to_string(domain) + "-" + std::to_string(server) + "-" + std::to_string(number);
    };
    for (const auto& [number, domain] : domains_) {
        for (const auto& [server, last] : domain.servers)
            if (server != domain.last) put(number, server, last);
        put(number, domain.last, domain.servers.at(domain.last));
    }
    return text;
}

void GtidState::add(const MariadbGtid& gtid) {
    auto& domain = domains_[gtid.domain];
    domain.servers[gtid.server] = gtid.number;
    domain.last = gtid.server;
}

std::optional<MariadbGtid> GtidState::find_last(std::uint32_t domain) const {
    const auto found = domains_.find(domain);
    if (found == domains_.end()) return std::nullopt;
    return MariadbGtid{.domain = domain, .server = found->second.last, .number = found->second.servers.at(found->second.last)};
}

bool GtidState::continues(const GtidState& before) const {
    return std::ranges::all_of(domains_, [&](const auto& domain) {
        const auto known = before.domains_.find(domain.first);
        return known != before.domains_.end() && known->second == domain.second;
    });
}

bool GtidState::knows(std::uint32_t domain, std::uint32_t server) const {
    const auto found = domains_.find(domain);
    return found != domains_.end() && found->second.servers.contains(server);
}

// ------------------------------------------------------------------------------------------------------------------ either

std::string to_text(const Gtids& gtids) {
    return std::visit([](const auto& kind) { return kind.text(); }, gtids);
}

bool continues(const Gtids& begin, const Gtids& end) {
    if (begin.index() != end.index()) return false;
    if (const auto* set = std::get_if<GtidSet>(&begin)) return *set == std::get<GtidSet>(end);
    return std::get<GtidState>(begin).continues(std::get<GtidState>(end));
}

}  // namespace varve::mysql
