#include "mysql/rights.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <string_view>

namespace varve::mysql {

namespace {

using Level = Finding::Level;

/// `SELECT, SHOW VIEW` as a set.
void split(std::string_view list, const std::function<void(std::string)>& visit) {
    while (!list.empty()) {
        auto word = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), word.size() + 1));
        while (word.starts_with(' ')) word.remove_prefix(1);
        std::string right{word};
        std::ranges::transform(right, right.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        visit(std::move(right));
    }
}

Finding lack_of(const Rights& rights, Level level, const std::string& right, const std::string& what) {
    return {level, "the user " + rights.user + " may not " + what, "GRANT " + right + " ON *.* TO " + rights.user + ";"};
}

}  // namespace

bool Rights::has(const std::string& right) const { return everywhere.contains(right) || everywhere.contains("ALL PRIVILEGES"); }

void Rights::add(const std::string& line) {
    static constexpr std::string_view grant = "GRANT ", revoke = "REVOKE ", on_all = " ON *.* TO ";
    // What a right is called has no quotes in it; a role has, and so has anything less than all.
    const auto quote = std::min(line.find_first_of("`'\""), line.size());
    const auto unquoted = std::string_view{line}.substr(0, quote);
    if (unquoted.starts_with(revoke)) {
        const auto end = std::min(unquoted.find(" ON "), unquoted.size());
        split(unquoted.substr(revoke.size(), std::max(end, revoke.size()) - revoke.size()),
              [this](const std::string& right) { everywhere.erase(right); });
        return;
    }
    by_roles = by_roles || unquoted == grant || unquoted.starts_with("SET DEFAULT ROLE");
    const auto end = unquoted.find(on_all);
    if (!unquoted.starts_with(grant) || end == std::string_view::npos) return;
    split(unquoted.substr(grant.size(), end - grant.size()), [this](std::string right) { everywhere.insert(std::move(right)); });
}

Rights ask_rights(Connection& connection) {
    Rights rights;
    const auto user = connection.value("SELECT current_user()");
    const auto at = user.rfind('@');
    rights.user = "'" + user.substr(0, at) + "'@'" + user.substr(at + 1) + "'";
    // Revocations stand behind what they restrict.
    const auto rows = connection.query("SHOW GRANTS");
    for (std::size_t row = 0; row < rows.size(); ++row) rights.add(rows.text(row, std::size_t{0}));
    return rights;
}

std::vector<Finding> check_rights(const Rights& rights, bool mariadb) {
    std::vector<Finding> findings;
    if (rights.by_roles) return findings;
    const auto need = [&](const std::string& right, const std::string& purpose) {
        if (!rights.has(right)) findings.push_back(lack_of(rights, Level::error, right, purpose));
    };
    need(rights.has("REPLICATION REPLICA") ? "REPLICATION REPLICA" : "REPLICATION SLAVE", "read the binlog");
    if (!rights.has("SUPER")) need(mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT", "ask where the binlog is");
    need("RELOAD", "take consistent backups and switch the log");
    return findings;
}

std::vector<Finding> check_rights_to_copy(const Rights& rights, bool mariadb, Method method) {
    std::vector<Finding> findings;
    if (method == Method::physical) return findings;
    const bool certain = !rights.by_roles && (method == Method::logical || !mariadb);
    const auto need = [&](const std::string& right, const std::string& what) {
        if (rights.has(right)) return;
        findings.push_back(lack_of(rights, certain ? Level::error : Level::warning, right,
                                   what + (rights.by_roles ? ", unless one of its roles may" : "")));
    };
    need("SELECT", "read every table: a logical backup lacks those that it may not read");
    need("SHOW VIEW", "see what views are made of, and a logical backup fails where there is one");
    need("TRIGGER", "see triggers: a logical backup has none of them");
    need("EVENT", "see events: a logical backup has none of them");
    if (mariadb) return findings;
    need("BACKUP_ADMIN", "lock the instance for a logical backup");
    need("XA_RECOVER_ADMIN", "see transactions in two phases that a logical backup has no part of");
    return findings;
}

}  // namespace varve::mysql
