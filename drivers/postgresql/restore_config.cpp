#include "postgresql/restore_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "postgresql/cluster.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t config_bytes_max = 4u << 20;

/// Without rules nobody could log in. Only the owner of the server's process may, as the user of the same name.
constexpr std::string_view minimal_access_rules =
    "# the backup has no pg_hba.conf: only local users under their own names may connect\n"
    "local all all peer\nlocal replication all peer\n";

std::string fact(const Properties& facts, const std::string& name) {
    const auto found = facts.find(name);
    return found == facts.end() ? std::string{} : found->second;
}

/// Every path in a list of directories, as unix_socket_directories has them, is there.
bool all_there(std::string_view list) {
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        auto item = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (item.starts_with('/') && !fs::is_directory(item)) return false;
    }
    return true;
}

class Configuration {
public:
    Configuration(const RestorePlan& plan, const Properties& facts, const OutsideConfig& outside, RecoveryOrders orders)
        : plan_{plan}, outside_{outside}, orders_{std::move(orders)}, facts_{facts}, old_data_{fact(facts, "data_directory")} {}

    std::vector<fs::path> write() {
        write_settings();
        write_rules("pg_hba.conf", fact(facts_, "hba_file"), minimal_access_rules);
        write_rules("pg_ident.conf", fact(facts_, "ident_file"), "# the backup has no pg_ident.conf\n");
        const auto auto_conf = plan_.to / "postgresql.auto.conf";
        const auto old = find_text(auto_conf).value_or("");
        for (auto& setting : settings_to_raise(facts_, all_text_ + old)) orders_.other.push_back(std::move(setting));
        if (ssl_files_missing_) orders_.other.emplace_back("ssl", "off");
        write_text(auto_conf, with_recovery(old, orders_));
        write_text(plan_.to / "recovery.signal", "");
        return std::move(made_);
    }

private:
    /// The path of a file below the restored directory; nothing when it lay outside.
    std::optional<fs::path> place_inside(const fs::path& old) const {
        if (old.empty() || old_data_.empty()) return std::nullopt;
        const auto relative = old.lexically_relative(old_data_);
        if (relative.empty() || *relative.begin() == "..") return std::nullopt;
        return plan_.to / relative;
    }

    /// The first part of the way from the restored directory to `place` that is a link out of the directory, or to nothing. A
    /// link that stays inside leads to what the backup gave back.
    std::optional<fs::path> find_link_outside(const fs::path& place) const {
        auto path = plan_.to;
        const auto home = fs::canonical(plan_.to);
        for (const auto& part : place.lexically_relative(plan_.to)) {
            path /= part;
            if (!fs::is_symlink(fs::symlink_status(path))) continue;
            std::error_code leads_nowhere;
            const auto inside = fs::canonical(path, leads_nowhere).lexically_relative(home);
            if (leads_nowhere || inside.empty() || *inside.begin() == "..") return path;
        }
        return std::nullopt;
    }

    /// What the backup itself gave back; nothing that lies elsewhere.
    std::optional<std::string> find_text(const fs::path& place) const {
        if (find_link_outside(place)) return std::nullopt;
        const auto content = find_file(place, config_bytes_max);
        if (!content) return std::nullopt;
        return std::string{text_of(*content)};
    }

    void write_text(const fs::path& path, std::string_view text) {
        replace_file(path, view_of(text), 0600);
        made_.push_back(path);
    }

    void write_settings() {
        const fs::path old_path = fact(facts_, "config_file");
        const auto captured = outside_.find(old_path);
        if (captured != outside_.end()) {
            from_outside_ = !place_inside(old_path);
            return adapt_into(plan_.to / "postgresql.conf", captured->second, old_path);
        }
        const auto inside = place_inside(old_path);
        const auto text = find_text(inside.value_or(plan_.to / "postgresql.conf"));
        adapt_into(plan_.to / "postgresql.conf", text.value_or("# the backup has no postgresql.conf\n"),
                   inside ? old_path : old_data_ / "postgresql.conf");
    }

    void adapt_into(const fs::path& place, std::string_view text, const fs::path& old_path) {
        const AdaptOptions options{.old_data_directory = old_data_,
                                   .home = (old_data_ / place.lexically_relative(plan_.to)).parent_path(),
                                   .unwanted = [this](const ConfigLine& line) { return is_unwanted(line); }};
        const auto adapted = adapt_config(text, old_path, outside_, options);
        for (const auto& inner : adapted.inner) adapt_inner(inner);
        write_text(place, adapted.text);
        all_text_ += adapted.text;
    }

    /// A file that is included, or all of an included folder.
    void adapt_inner(const fs::path& relative) {
        const auto place = plan_.to / relative;
        const auto link = find_link_outside(place);
        if (link) replace_link(*link, *link != place || is_folder_outside(relative) || fs::is_directory(place));
        if (fs::is_directory(place)) {
            for (const auto& file : files_in(relative)) adapt_inner(file);
        } else if (std::ranges::find(adapted_, relative) == adapted_.end()) {
            adapted_.push_back(relative);
            const auto captured = outside_.find(old_data_ / relative);
            auto text = find_text(place);
            if (!text && captured != outside_.end()) text = captured->second;
            if (!text && link) text = "# the backup does not have this file, which lay behind a link\n";
            if (text) adapt_into(place, *text, old_data_ / relative);
        }
    }

    bool is_folder_outside(const fs::path& relative) const {
        return std::ranges::any_of(outside_, [&](const auto& file) { return file.first.parent_path() == old_data_ / relative; });
    }

    /// The files of an included folder, in the order in which the server reads them: those that are there, and those that were
    /// captured from behind a link.
    std::vector<fs::path> files_in(const fs::path& relative) const {
        std::set<fs::path> files;
        for (const auto& item : fs::directory_iterator{plan_.to / relative})
            if (item.path().extension() == ".conf") files.insert(relative / item.path().filename());
        for (const auto& [path, text] : outside_)
            if (path.parent_path() == old_data_ / relative && path.extension() == ".conf")
                files.insert(relative / path.filename());
        return {files.begin(), files.end()};
    }

    void replace_link(const fs::path& link, bool by_folder) {
        fs::remove(link);
        if (!by_folder) return;  // the file is written next
        make_directories(link, 0700);
        made_.push_back(link);
    }

    bool is_unwanted(const ConfigLine& line) {
        static constexpr std::array<std::string_view, 5> of_the_old_place = {"data_directory", "config_file", "hba_file",
                                                                             "ident_file", "external_pid_file"};
        static constexpr std::array<std::string_view, 5> of_tls = {"ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file",
                                                                   "ssl_dh_params_file"};
        if (is_recovery_setting(line.name) || std::ranges::find(of_the_old_place, line.name) != of_the_old_place.end())
            return true;
        if (line.name == "port") return from_outside_ && !orders_.as_production;
        if (line.name == "unix_socket_directories" || line.name == "stats_temp_directory") return !all_there(line.value);
        if (std::ranges::find(of_tls, line.name) == of_tls.end() || !line.value.starts_with('/') || fs::exists(line.value))
            return false;
        ssl_files_missing_ = true;
        return true;
    }

    void write_rules(const std::string& name, const fs::path& old_path, std::string_view fallback) {
        const auto place = plan_.to / name;
        if (const auto captured = outside_.find(old_path); captured != outside_.end())
            return write_text(place, adapt_access_rules(captured->second, old_path, outside_));
        const auto inside = place_inside(old_path);
        const auto text = find_text(inside ? *inside : place);
        if (!text) return write_text(place, fallback);
        const auto adapted = adapt_access_rules(*text, inside ? old_path : old_data_ / name, outside_);
        if (adapted != *text || (inside && *inside != place)) write_text(place, adapted);
    }

    const RestorePlan& plan_;
    const OutsideConfig& outside_;
    RecoveryOrders orders_;
    const Properties& facts_;
    fs::path old_data_;
    bool from_outside_ = false;
    bool ssl_files_missing_ = false;
    std::vector<fs::path> adapted_;
    std::vector<fs::path> made_;
    std::string all_text_;  ///< every file after its adaption; an included one before the file that includes it
};

std::optional<long> find_number(std::string_view text) {
    long value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> settings_to_raise(const Properties& facts, std::string_view text) {
    static const std::map<std::string, long> defaults = {{"max_connections", 100},
                                                         {"max_worker_processes", 8},
                                                         {"max_wal_senders", 10},
                                                         {"max_prepared_transactions", 0},
                                                         {"max_locks_per_transaction", 64}};
    std::vector<std::pair<std::string, std::string>> raised;
    for (const auto* name : settings_not_lower) {
        const auto wanted = find_number(fact(facts, std::string{"setting."} + name));
        const auto given = find_setting(text, name);
        const auto number = given ? find_number(*given) : defaults.at(name);
        if (wanted && (!number || *number < *wanted)) raised.emplace_back(name, std::to_string(*wanted));
    }
    return raised;
}

std::vector<fs::path> write_configuration(const RestorePlan& plan, const Properties& facts, const OutsideConfig& outside,
                                          RecoveryOrders orders) {
    return Configuration{plan, facts, outside, std::move(orders)}.write();
}

}  // namespace varve::postgresql
