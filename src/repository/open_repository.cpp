// Keys and lists: what is there, by name only.
#include "repository/open_repository.hpp"

#include <algorithm>

#include "repository/config_chain.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

PublicKey public_key_of(const std::string& text) {
    PublicKey key{};
    if (text.size() != key.size()) throw Error{Fault::corrupt, "config names a key that is none"};
    std::ranges::copy(view_of(text), key.begin());
    return key;
}

Role role_of(format::Role role) {
    switch (role) {
        case format::ROLE_RESTORE:
            return Role::restore;
        case format::ROLE_MAINTAIN:
            return Role::maintain;
        case format::ROLE_ESCROW:
            return Role::escrow;
        default:
            throw Error{Fault::unsupported, "config names a recipient of an unknown role"}.code("format_too_new", 14);
    }
}

}  // namespace

void require_may_write(const TrustedSigner& signer, const SourceName& source) {
    const bool may = std::ranges::any_of(signer.sources, [&](const auto& name) { return name == "*" || name == source.text(); });
    if (!may) throw Error{Fault::denied, "the object is signed by a host that may not write " + source.text()};
}

OpenRepository::OpenRepository(std::shared_ptr<Copies> copies, KeyRing keys, format::RepositoryConfig config, Pools& pools)
    : copies_{std::move(copies)}, keys_{std::move(keys)}, config_{std::move(config)}, pools_{pools} {
    for (const auto& host : config_.hosts()) {
        signers_.push_back({.key = public_key_of(host.public_key()), .sources = {host.sources().begin(), host.sources().end()}});
    }
    statement_signers_ = signers_;
    for (const auto& admin : config_.admins()) statement_signers_.push_back({.key = public_key_of(admin), .sources = {"*"}});
    for (const auto& recipient : config_.recipients()) {
        recipients_.push_back({.role = role_of(recipient.role()), .key = public_key_of(recipient.public_key())});
    }
}

SealingContext OpenRepository::sealing(const SourceName& source) const {
    require_writable(config_);
    SealingContext context{.repository = keys_.repository, .recipients = recipients_, .own_structure = {}, .signer = keys_.host};
    if (keys_.archive) context.own_structure = source_keys(source).structure;
    return context;
}

SourceKeys OpenRepository::source_keys(const SourceName& source) const {
    return derive_source_keys(keys_.require(keys_.archive, "archive", "storing " + source.text()), keys_.repository, source);
}

OpeningKeys OpenRepository::opening(const SourceName& source) const {
    OpeningKeys opening;
    for (const auto& key : {keys_.restore, keys_.escrow, keys_.maintain}) {
        if (key) opening.readers.push_back(*key);
    }
    if (keys_.archive) opening.own_structure = source_keys(source).structure;
    return opening;
}

void OpenRepository::report_once(const ObjectKey& key) {
    if (!reported_.insert(key.text()).second) return;
    log(LogLevel::warning, "", "the repository holds an object whose name is not of its format: " + key.text());
}

Task<std::vector<BackupName>> OpenRepository::backups(SourceName source) {
    auto listing = co_await list_backups(std::move(source));
    co_return std::move(listing.backups);
}

Task<Repository::BackupListing> OpenRepository::list_backups(SourceName source) {
    const auto folder = co_await find_folder(source);
    // Without a folder only the silence counts: a copy that does not answer may be the one that has the source.
    auto listing = co_await copies_->list_held("backup/" + folder.value_or("") + (folder ? "/" : ""));
    if (!folder) co_return BackupListing{.backups = {}, .unanswered = std::move(listing.unanswered)};
    std::vector<BackupName> names;
    for (auto& held : listing.objects) {
        const auto key = find_backup_key(held.object.key);
        if (!key) {
            report_once(held.object.key);
            continue;
        }
        names.push_back({.id = backup_id(key->start, key->name),
                         .key = held.object.key,
                         .start = key->start,
                         .tiers = key->tiers,
                         .manifest_bytes = held.object.size_bytes,
                         .copies = std::move(held.copies)});
    }
    std::ranges::sort(
        names, [](const BackupName& a, const BackupName& b) { return std::tie(b.start, b.key) < std::tie(a.start, a.key); });
    co_return BackupListing{.backups = std::move(names), .unanswered = std::move(listing.unanswered)};
}

std::vector<LogName> OpenRepository::parse_logs(std::vector<HeldObject> objects) {
    std::vector<LogName> names;
    names.reserve(objects.size());
    for (auto& held : objects) {
        const auto key = find_log_key(held.object.key);
        if (!key) {
            report_once(held.object.key);
            continue;
        }
        names.push_back({.key = std::move(held.object.key),
                         .lineage = key->lineage,
                         .from = key->from,
                         .to = key->to,
                         .last_commit = key->last_commit,
                         .stored_at = held.object.stored_at,
                         .size = held.object.size_bytes,
                         .copies = std::move(held.copies)});
    }
    return names;  // keys sort by lineage, from, to
}

Task<Repository::LogListing> OpenRepository::list_logs(SourceName source, Copies::Answers answers) {
    const auto folder = co_await find_folder(source);
    if (!folder) co_return LogListing{};
    auto listing = co_await copies_->list_held("log/" + *folder + "/", {}, answers);
    co_return LogListing{.logs = parse_logs(std::move(listing.objects)), .unanswered = std::move(listing.unanswered)};
}

Task<std::vector<LogName>> OpenRepository::logs(SourceName source) {
    auto listing = co_await list_logs(std::move(source), Copies::Answers::any);
    co_return std::move(listing.logs);
}

Task<std::vector<LogName>> OpenRepository::newest_logs(SourceName source, std::string lineage, std::uint64_t from) {
    const auto folder = co_await find_folder(source);
    if (!folder) co_return std::vector<LogName>{};
    const auto below = "log/" + *folder + "/" + lineage + "/";
    const auto first = log_key(*folder, lineage, from, 0, Instant{}, Digest{}).text().substr(0, below.size() + 16);
    auto listing = co_await copies_->list_held(below, first);
    co_return parse_logs(std::move(listing.objects));
}

}  // namespace varve
