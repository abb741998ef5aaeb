#include <algorithm>
#include <regex>

#include "base/did_you_mean.hpp"
#include "config/read_parts.hpp"

namespace varve {

using namespace std::chrono_literals;

namespace {

/// Keys that any driver may read, whether or not it names them.
const std::vector<std::string> shared_keys{"slot", "backup_from", "bin_dir", "scratch_dir", "insecure", "server_id"};

bool is_good_name(const std::string& name) {
    // The name becomes a folder below state_dir: no component is empty, `.` or `..`.
    return std::regex_match(name, std::regex{"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*"});
}

const KnownDriver* find_driver(Section& section, const KnownKinds& known, const std::string& name) {
    const auto found = std::ranges::find(known.drivers, name, &KnownDriver::name);
    if (found != known.drivers.end()) return &*found;
    std::vector<std::string> names;
    std::string all;
    for (const auto& driver : known.drivers) {
        names.push_back(driver.name);
        all += (all.empty() ? "" : ", ") + driver.name;
    }
    const auto meant = did_you_mean(name, names);
    section.reading().note(section.place("driver"),
                           name.empty() ? "a source needs a `driver`" : "there is no driver \"" + name + "\"",
                           meant ? "Did you mean \"" + *meant + "\"?" : "This build knows " + all + ".");
    return nullptr;
}

Hooks read_hooks(Section section) {
    Hooks hooks;
    hooks.before = section.text("before", "");
    hooks.after = section.text("after", "");
    hooks.on_failure = section.text("on_failure", "");
    hooks.timeout = section.duration("timeout", "10min", 1s);
    section.finish(section.name());
    return hooks;
}

void read_policy(Section& section, SourceSettings& source, const SourceDefaults& defaults) {
    auto schedule = section.inner("schedule");
    source.backup = schedule.parsed("backup", defaults.backup, Schedule::parse);
    source.drill = schedule.parsed("drill", defaults.drill, Schedule::parse);
    schedule.finish(section.name());
    auto retention = section.inner("retention");
    source.retention = read_retention(retention, defaults.of(source.kind), source.kind);
    retention.finish(section.name());
}

void read_log(Section& section, SourceSettings& source, bool has_log) {
    if (!has_log) {
        for (const auto* key : {"log", "ship_interval", "retain_at_source"}) {
            if (section.has(key))
                section.reading().note(section.place(key),
                                       "`" + std::string{key} + "` means nothing here: driver " + source.driver + " has no log");
            section.expect(key);
        }
        return;
    }
    const auto mode = section.one_of("log", {"stream", "push", "off"}, "stream");
    source.log = mode == "stream" ? LogMode::stream : mode == "push" ? LogMode::push : LogMode::off;
    source.ship_interval = section.duration("ship_interval", "10s", 1s);
    source.retain_at_source = section.size_or_unlimited("retain_at_source", "unlimited");
}

void read_driver_keys(Section& section, SourceSettings& source, const KnownDriver& driver) {
    auto keys = driver.keys;
    keys.insert(shared_keys.begin(), shared_keys.end());
    for (const auto* ours : {"log", "ship_interval", "retain_at_source", "compression_level", "read_rate", "checks"})
        keys.erase(ours);
    for (const auto& key : keys) {
        if (!section.has(key))
            section.expect(key);
        else if (key == "kind")
            source.settings.set(key,
                                {.values = {std::string{name_of(source.kind)}}, .is_list = false, .place = section.place(key)});
        else if (key == "password")
            source.settings.set(key, {.values = {section.secret(key, "")}, .is_list = false, .place = section.place(key)});
        else
            section.pass_on(key, source.settings);
    }
    for (const auto* key : {"connection", "backup_from"})
        for (const auto& text : source.settings.list(key))
            refuse_password_inside(section.reading(), section.place(key), key, text);

    auto tls = section.inner("tls");
    for (const auto* key : {"ca", "cert", "key"})
        if (const auto path = tls.has(key) ? tls.text(key, "") : (tls.expect(key), ""); !path.empty())
            source.settings.set("tls." + std::string{key}, {.values = {path}, .is_list = false, .place = tls.place(key)});
    tls.finish(section.name());
    if (driver.has_log) {
        source.settings.set("ship_interval", {.values = {std::to_string(source.ship_interval.count()) + "us"},
                                              .is_list = false,
                                              .place = section.place("ship_interval")});
        if (source.retain_at_source)
            source.settings.set("retain_at_source", {.values = {std::to_string(*source.retain_at_source)},
                                                     .is_list = false,
                                                     .place = section.place("retain_at_source")});
    }
}

SourceSettings read_one(Section& section, const KnownKinds& known, const SourceDefaults& defaults) {
    auto& reading = section.reading();
    section.rename("[[source]] " + section.peek("name"));
    SourceSettings source{.name = SourceName{section.text("name", "")},
                          .driver = section.text("driver", ""),
                          .backup = Schedule::parse(defaults.backup),
                          .drill = Schedule::parse(defaults.drill)};
    if (const auto& name = source.name.text(); !is_good_name(name))
        reading.note(section.place("name"), name.empty() ? "a source needs a `name`" : "\"" + name + "\" is no name for a source",
                     "Use a-z, 0-9, '.', '_', '-', and '/' between parts: pg/main.");
    source.place = section.place();
    const auto* driver = find_driver(section, known, source.driver);
    const bool has_log = driver && driver->has_log;
    source.kind = has_log ? SourceClass::database : SourceClass::data;
    if (driver && !has_log && driver->keys.contains("kind"))
        source.kind = section.one_of("kind", {"data", "config"}, "data") == "config" ? SourceClass::config : SourceClass::data;

    source.enabled = section.flag("enabled", true);
    read_log(section, source, has_log || !driver);
    source.compression_level = static_cast<int>(section.count("compression_level", 2, 1, 19));
    source.read_rate = section.size_or_unlimited("read_rate", "unlimited");
    source.checks = section.list("checks", {});
    source.hooks = read_hooks(section.inner("hooks"));
    read_policy(section, source, defaults);
    if (driver)
        read_driver_keys(section, source, *driver);
    else
        section.forgive_the_rest();
    section.finish(section.name());
    return source;
}

}  // namespace

void refuse_password_inside(Reading& reading, const std::string& place, const std::string& key, const std::string& text) {
    static const std::regex in_url{R"(^[a-z0-9+]+://[^/@]*:[^/@]*@.*)"};
    static const std::regex in_words{R"((^|[\s?&])(password|sslpassword)\s*=.*)", std::regex::icase};
    if (!std::regex_match(text, in_url) && !std::regex_search(text, in_words)) return;
    reading.note(place, "a password stands in `" + key + "`", "Take it out and write password = \"file:/path\" beside it.");
}

std::vector<SourceSettings> read_sources(ConfigFiles& files, const KnownKinds& known, const SourceDefaults& defaults) {
    std::vector<SourceSettings> all;
    auto& reading = files.root().reading();
    for (auto& section : files.tables("source")) {
        auto source = read_one(section, known, defaults);
        const auto other = std::ranges::find(all, source.name, &SourceSettings::name);
        if (other != all.end() && !source.name.empty())
            reading.note(source.place, "two sources are named '" + source.name.text() + "'",
                         "The other is at " + other->place + ".");
        all.push_back(std::move(source));
    }
    return all;
}

}  // namespace varve
