#include "mysql/logical_accounts.hpp"

#include <algorithm>
#include <array>

#include "mysql/logical_script.hpp"
#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

constexpr std::array<std::string_view, 4> made_by_the_server{"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys"};
constexpr std::string_view comment_begin = "/* ", comment_end = " */ ";

struct Account {
    std::string name, host;
    bool is_role = false;  ///< MariaDB's kind, which has no host

    std::string quoted() const {
        if (!is_role) return quoted_text(name) + "@" + quoted_text(host);
        return name == "PUBLIC" ? name : quoted_text(name);
    }
    std::string marked(const std::string& statement) const {
        auto label = quoted();
        // A name may hold the end of a comment.
        for (auto found = label.find("*/"); found != std::string::npos; found = label.find("*/")) label.replace(found, 2, "*?");
        return std::string{comment_begin} + label + std::string{comment_end} + statement;
    }
};

std::vector<Account> find_accounts(Connection& connection) {
    const bool mariadb = connection.is_mariadb();
    const auto rows = connection.query(mariadb ? "SELECT User, Host, is_role FROM mysql.user ORDER BY is_role DESC, User, Host"
                                               : "SELECT User, Host, 'N' FROM mysql.user ORDER BY User, Host");
    std::vector<Account> accounts;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        Account account{
            .name = rows.find(row, 0).value_or(""), .host = rows.find(row, 1).value_or(""), .is_role = rows.find(row, 2) == "Y"};
        if (std::ranges::find(made_by_the_server, account.name) == made_by_the_server.end())
            accounts.push_back(std::move(account));
    }
    return accounts;
}

std::string statement_that_makes(Connection& connection, const Account& account) {
    if (account.is_role) return "CREATE ROLE " + account.quoted();
    return connection.query("SHOW CREATE USER " + account.quoted()).text(0, 0);
}

}  // namespace

std::vector<std::string> read_accounts(Connection& connection) {
    connection.execute("SET SESSION character_set_results = utf8mb4");
    try {
        connection.execute("SET SESSION print_identified_with_as_hex = 1");
    } catch (const Error& error) {
        constexpr unsigned unknown_variable = 1193;
        if (number_of(error) != unknown_variable) throw;  // MariaDB prints only what can be typed
    }
    const auto accounts = find_accounts(connection);
    std::vector<std::string> statements;
    for (const auto& account : accounts)
        if (account.name != "PUBLIC" || !account.is_role)
            statements.push_back(account.marked(statement_that_makes(connection, account)));
    for (const auto& account : accounts) {
        const auto rows = connection.query("SHOW GRANTS FOR " + account.quoted());
        for (std::size_t row = 0; row < rows.size(); ++row) statements.push_back(account.marked(rows.text(row, 0)));
    }
    return statements;
}

std::string_view account_of_statement(std::string_view statement) {
    if (!statement.starts_with(comment_begin)) return {};
    const auto end = statement.find(comment_end);
    if (end == std::string_view::npos) return {};
    return statement.substr(comment_begin.size(), end - comment_begin.size());
}

}  // namespace varve::mysql
