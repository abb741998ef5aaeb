/// Which transactions a log has: MySQL's sets and MariaDB's states, as values. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace varve::mysql {

// ------------------------------------------------------------------------------------------------------------------ MySQL

/// Who numbers transactions: a server, and a tag (8.3 and later; empty: none).
struct GtidSource {
    std::array<std::uint8_t, 16> uuid{};
    std::string tag{};
    friend auto operator<=>(const GtidSource&, const GtidSource&) = default;
};

struct MysqlGtid {
    GtidSource source;
    std::uint64_t number = 0;
};

/// `3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:7,…:tag:1-3`
class GtidSet {
public:
    using Interval = std::pair<std::uint64_t, std::uint64_t>;  ///< first and last number
    /// Fault::invalid for what is no such text.
    static GtidSet parse(std::string_view text);
    std::string text() const;

    void add(const MysqlGtid& gtid) { add(gtid.source, gtid.number, gtid.number); }
    void add(const GtidSource& source, std::uint64_t first, std::uint64_t last);
    bool contains(const GtidSet& other) const;
    bool intersects(const GtidSet& other) const;
    bool empty() const noexcept { return sources_.empty(); }
    const std::map<GtidSource, std::vector<Interval>>& sources() const noexcept { return sources_; }
    friend bool operator==(const GtidSet&, const GtidSet&) = default;

private:
    std::map<GtidSource, std::vector<Interval>> sources_;  ///< in order, apart from each other
};

// ---------------------------------------------------------------------------------------------------------------- MariaDB

/// `0-1-100`
struct MariadbGtid {
    std::uint32_t domain = 0, server = 0;
    std::uint64_t number = 0;
    friend bool operator==(const MariadbGtid&, const MariadbGtid&) = default;
};

/// The last transaction of each server in each domain, and which of them was the domain's last: @@gtid_binlog_state.
class GtidState {
public:
    /// `0-2-90,0-1-100`: of each domain the last one stands last. Fault::invalid for what is no such text.
    static GtidState parse(std::string_view text);
    std::string text() const;

    void add(const MariadbGtid& gtid);
    /// The domain's last one.
    std::optional<MariadbGtid> find_last(std::uint32_t domain) const;
    bool empty() const noexcept { return domains_.empty(); }
    /// Whether a log that had `before` can begin its next file with this state: a domain may have been given up as a whole
    /// (FLUSH BINARY LOGS DELETE_DOMAIN_ID), and nothing else may differ.
    bool continues(const GtidState& before) const;
    bool knows(std::uint32_t domain, std::uint32_t server) const;
    friend bool operator==(const GtidState&, const GtidState&) = default;

private:
    struct Domain {
        std::map<std::uint32_t, std::uint64_t> servers;
        std::uint32_t last = 0;  ///< server
        friend bool operator==(const Domain&, const Domain&) = default;
    };
    std::map<std::uint32_t, Domain> domains_;
};

// ------------------------------------------------------------------------------------------------------------------ either

using Gtids = std::variant<GtidSet, GtidState>;

std::string to_text(const Gtids& gtids);
/// Whether a file that begins with `begin` follows one that ended with `end`.
bool continues(const Gtids& begin, const Gtids& end);

}  // namespace varve::mysql
