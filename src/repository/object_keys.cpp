#include "repository/object_keys.hpp"

#include <algorithm>
#include <charconv>

namespace varve {

namespace {

constexpr std::size_t digest_digits = 64;
constexpr std::size_t stored_name_digits = 32;

std::string padded(std::uint64_t number, int base, std::size_t digits) {
    std::string text(digits, '0');
    for (auto at = text.rbegin(); number != 0 && at != text.rend(); ++at, number /= static_cast<unsigned>(base)) {
        *at = "0123456789abcdef"[number % static_cast<unsigned>(base)];
    }
    return text;
}

bool is_lower_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Takes a key apart from the left; after a mismatch everything fails.
class KeyReader {
public:
    explicit KeyReader(std::string_view key) : rest_{key} {}

    KeyReader& literal(std::string_view text) {
        if (good_ && rest_.starts_with(text)) {
            rest_.remove_prefix(text.size());
        } else {
            good_ = false;
        }
        return *this;
    }
    KeyReader& hex(std::size_t digits, std::string& into) {
        into = take(digits);
        if (!is_lower_hex(into)) good_ = false;
        return *this;
    }
    template <class Number>
    KeyReader& number(int base, std::size_t digits, Number& into) {
        const auto text = take(digits);
        const auto end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, into, base);
        if (!is_lower_hex(text) || read.ec != std::errc{} || read.ptr != end) good_ = false;
        return *this;
    }
    KeyReader& stamp(Instant& into) {
        const auto time = find_stamp(take(std::string_view{"20261123T020000Z"}.size()));
        if (time) into = *time;
        good_ = good_ && time.has_value();
        return *this;
    }
    /// A subset of "dwm" in this order, with its d.
    KeyReader& tiers(std::string& into) {
        const auto length = std::min(rest_.find('-'), rest_.size());
        into = take(length);
        if (into != "d" && into != "dw" && into != "dm" && into != "dwm") good_ = false;
        return *this;
    }
    KeyReader& month_and_tier(std::string& into) {
        into = take(7);
        const auto digits = std::string_view{into}.substr(0, std::min<std::size_t>(6, into.size()));
        const bool all_digits = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
        if (!good_ || !all_digits || std::string_view{"dwm"}.find(into.back()) == std::string_view::npos) good_ = false;
        return *this;
    }
    /// The digest that every key ends with.
    bool ends_in(Digest& into) {
        std::string text;
        hex(digest_digits, text);
        if (!good_ || !rest_.empty()) return false;
        const auto bytes = from_hex(text);
        std::ranges::copy(bytes, into.begin());
        return true;
    }

private:
    std::string_view take(std::size_t count) {
        if (!good_ || rest_.size() < count) {
            good_ = false;
            return {};
        }
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::string_view rest_;
    bool good_ = true;
};

}  // namespace

ObjectKey config_key(std::uint32_t generation, const Digest& name) {
    return ObjectKey{"config/" + padded(generation, 10, 8) + "-" + to_hex(name)};
}

ObjectKey pack_key(std::string_view folder, std::string_view month_and_tier, const PackName& name) {
    return ObjectKey{"pack/" + std::string{folder} + "/" + std::string{month_and_tier} + "/" + to_hex(name)};
}

ObjectKey backup_key(std::string_view folder, Instant start, std::string_view tiers, const Digest& name) {
    return ObjectKey{"backup/" + std::string{folder} + "/" + to_stamp(start) + "-" + std::string{tiers} + "-" + to_hex(name)};
}

ObjectKey log_key(std::string_view folder, std::string_view lineage, std::uint64_t from, std::uint64_t to, Instant last_commit,
                  const Digest& name) {
    return ObjectKey{"log/" + std::string{folder} + "/" + std::string{lineage} + "/" + padded(from, 16, 16) + "-" +
                     padded(to, 16, 16) + "-" + to_stamp(last_commit) + "-" + to_hex(name)};
}

ObjectKey statement_key(std::string_view kind, std::string_view folder, Instant time, const Digest& name) {
    return ObjectKey{std::string{kind} + "/" + std::string{folder} + "/" + to_stamp(time) + "-" + to_hex(name)};
}

ObjectKey collect_key(std::string_view kind, Instant time, const Digest& name) {
    return ObjectKey{"gc/" + std::string{kind} + "/" + to_stamp(time) + "-" + to_hex(name)};
}

std::optional<Digest> digest_of(const ObjectKey& key) {
    const std::string_view text = key.text();
    if (text.size() < digest_digits + 1) return std::nullopt;
    const auto before = text[text.size() - digest_digits - 1];
    const auto digits = text.substr(text.size() - digest_digits);
    if ((before != '-' && before != '/') || !is_lower_hex(digits)) return std::nullopt;
    const auto bytes = from_hex(digits);
    Digest digest{};
    std::ranges::copy(bytes, digest.begin());
    return digest;
}

std::optional<ConfigKey> find_config_key(const ObjectKey& key) {
    ConfigKey found;
    KeyReader reader{key.text()};
    reader.literal("config/").number(10, 8, found.generation).literal("-");
    if (!reader.ends_in(found.name)) return std::nullopt;
    return found;
}

std::optional<BackupKey> find_backup_key(const ObjectKey& key) {
    BackupKey found;
    KeyReader reader{key.text()};
    reader.literal("backup/")
        .hex(stored_name_digits, found.folder)
        .literal("/")
        .stamp(found.start)
        .literal("-")
        .tiers(found.tiers);
    if (!reader.literal("-").ends_in(found.name)) return std::nullopt;
    return found;
}

std::optional<LogKey> find_log_key(const ObjectKey& key) {
    LogKey found;
    KeyReader reader{key.text()};
    reader.literal("log/").hex(stored_name_digits, found.folder).literal("/").hex(stored_name_digits, found.lineage).literal("/");
    reader.number(16, 16, found.from).literal("-").number(16, 16, found.to).literal("-").stamp(found.last_commit).literal("-");
    if (!reader.ends_in(found.name) || found.to < found.from) return std::nullopt;
    return found;
}

std::optional<PackKey> find_pack_key(const ObjectKey& key) {
    PackKey found;
    KeyReader reader{key.text()};
    reader.literal("pack/").hex(stored_name_digits, found.folder).literal("/").month_and_tier(found.month_and_tier).literal("/");
    if (!reader.ends_in(found.name)) return std::nullopt;
    return found;
}

std::optional<StatementKey> find_statement_key(std::string_view kind, const ObjectKey& key) {
    StatementKey found;
    KeyReader reader{key.text()};
    reader.literal(kind).literal("/").hex(stored_name_digits, found.folder).literal("/").stamp(found.time).literal("-");
    if (!reader.ends_in(found.name)) return std::nullopt;
    return found;
}

std::optional<CollectKey> find_collect_key(std::string_view kind, const ObjectKey& key) {
    CollectKey found;
    KeyReader reader{key.text()};
    reader.literal("gc/").literal(kind).literal("/").stamp(found.time).literal("-");
    if (!reader.ends_in(found.name)) return std::nullopt;
    return found;
}

BackupId backup_id(Instant start, const Digest& name) { return BackupId{to_stamp(start) + "-" + to_hex(name).substr(0, 8)}; }

}  // namespace varve
