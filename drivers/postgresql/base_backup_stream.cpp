#include <algorithm>
#include <memory>

#include "postgresql/backup_manifest.hpp"
#include "postgresql/backup_wal.hpp"
#include "postgresql/base_backup.hpp"
#include "postgresql/config_capture.hpp"
#include "postgresql/page_check.hpp"
#include "postgresql/server_error.hpp"
#include "postgresql/tar_reader.hpp"
#include "postgresql/walk.hpp"
#include "varve/async.hpp"
#include "varve/check.hpp"

namespace varve::postgresql {
namespace {

constexpr std::chrono::seconds wait_max{10};
constexpr std::size_t warnings_max = 20;
/// Where rebuilt settings are stored when nobody tells where the server's file lies.
constexpr const char* unknown_config_file = "/postgresql.conf";

struct FreeCopy {
    void operator()(char* raw) const noexcept { PQfreemem(raw); }
};

std::string literal(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted += c;
        quoted += c;
    }
    return quoted + "'";
}

std::string base_backup_command(const std::string& label, int major) {
    if (major >= 15)
        return "BASE_BACKUP (LABEL " + literal(label) +
               ", CHECKPOINT 'fast', WAIT false, TABLESPACE_MAP true, MANIFEST 'yes', MANIFEST_CHECKSUMS 'CRC32C')";
    return "BASE_BACKUP LABEL " + literal(label) + " FAST NOWAIT TABLESPACE_MAP MANIFEST 'yes' MANIFEST_CHECKSUMS 'CRC32C'";
}

/// The server names each page that fails its checksum in a warning.
void keep_warning(void* kept, const PGresult* notice) {
    auto& warnings = *static_cast<std::vector<std::string>*>(kept);
    const char* state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    const char* text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (text == nullptr || warnings.size() >= warnings_max) return;
    const std::string_view message{text};
    const bool bad_page =
        (state != nullptr && std::string_view{state} == "XX001") || message.starts_with("checksum verification");
    if (bad_page) warnings.emplace_back(message);
}

/// Puts the members of one tar of the server into the backup.
class TarUnpacker {
public:
    TarUnpacker(BackupSink& sink, ReceivedFiles& received, std::string prefix, std::string manifest_prefix)
        : sink_{sink}, received_{received}, prefix_{std::move(prefix)}, manifest_prefix_{std::move(manifest_prefix)} {}

    bool has_own_config() const noexcept { return has_own_config_; }

    Task<> add(ByteView bytes) {
        reader_.feed(bytes);
        for (auto event = reader_.next(); event; event = reader_.next()) {
            if (event->kind == TarEvent::Kind::member)
                co_await begin(std::move(event->member));
            else if (event->kind == TarEvent::Kind::content)
                co_await content(std::move(event->content));
            else
                co_await end();
        }
    }

    void finish() const {
        if (!reader_.at_end()) throw Error{Fault::corrupt, "the server's tar ends within a file"};
    }

private:
    Task<> begin(TarMember member) {
        member_ = std::move(member);
        crc_ = 0;
        writer_ = nullptr;
        has_own_config_ = has_own_config_ || member_.name == "postgresql.conf";
        auto entry = entry_of_member();
        if (!entry) co_return;
        if (entry->kind != EntryKind::file) co_return co_await sink_.add(std::move(*entry));
        const auto name = std::string_view{member_.name}.substr(member_.name.rfind('/') + 1);
        const auto profile = find_relation_file(name) ? ChunkProfile::page : ChunkProfile::file;
        writer_ = co_await sink_.open(std::move(*entry), profile);
    }

    Task<> content(Bytes bytes) {
        crc_ = crc32c(bytes, crc_);
        if (writer_) co_await writer_->write(std::move(bytes));
    }

    Task<> end() {
        if (member_.kind == TarMember::Kind::file) received_.add(manifest_prefix_ + member_.name, member_.size, crc_);
        if (writer_) co_await writer_->finish();
        writer_ = nullptr;
    }

    /// Nothing for what is not stored: links of tablespaces (their places are facts), signal files.
    std::optional<Entry> entry_of_member() const {
        const bool base = manifest_prefix_.empty();
        Entry entry;
        entry.path = prefix_ + "/" + member_.name;
        if (base && (member_.name == "backup_label" || member_.name == "tablespace_map"))
            entry.path = "label/" + member_.name;
        else if (base && is_left_out(Place::top, member_.name))
            return std::nullopt;
        if (member_.kind == TarMember::Kind::symlink && member_.name.starts_with("pg_tblspc/")) return std::nullopt;
        entry.kind = member_.kind == TarMember::Kind::directory ? EntryKind::directory
                     : member_.kind == TarMember::Kind::symlink ? EntryKind::symlink
                                                                : EntryKind::file;
        entry.size = member_.size;
        entry.mode = member_.mode;
        entry.uid = member_.uid;
        entry.gid = member_.gid;
        entry.mtime_ns = member_.mtime_seconds * 1'000'000'000LL;
        entry.link_target = member_.link_target;
        return entry;
    }

    BackupSink& sink_;
    ReceivedFiles& received_;
    std::string prefix_, manifest_prefix_;
    TarReader reader_;
    TarMember member_;
    std::uint32_t crc_ = 0;
    std::unique_ptr<EntryWriter> writer_;
    bool has_own_config_ = false;
};

class StreamBackup {
public:
    StreamBackup(BackupContext context, BackupSink& sink) : context_{std::move(context)}, sink_{sink} {}

    Task<BackupFacts> run() {
        session_ = co_await Session::open(context_.connection, SessionKind::sql, context_.pools);
        cluster_ = co_await ask_cluster(*session_);
        require_cluster(cluster_, context_.system_identifier);
        wal_ = co_await BackupWal::open(context_.connection, context_.request.label, sink_, context_.pools);
        stream_ = co_await Session::open(context_.connection, SessionKind::replication, context_.pools);
        PQsetNoticeReceiver(stream_->raw(), keep_warning, &warnings_);
        const auto results = co_await stream_->start_copy(base_backup_command(context_.request.label, cluster_.major()));
        if (results.size() < 2) throw Error{Fault::unsupported, "the server's answer to BASE_BACKUP cannot be understood"};
        start_ = parse_lsn(results[0].text(0, 0));
        if (std::stoul(results[0].text(0, 1)) != wal_->server().history.timeline)
            throw Error{Fault::conflict, "the server changed its timeline while the backup began"};
        note_tablespaces(results[1]);
        auto side_by_side = [this](TaskGroup& group) -> Task<> {
            group.spawn(wal_->run(start_));
            group.spawn(receive());
            co_return;
        };
        co_await in_group(side_by_side);
        co_return facts();
    }

private:
    void note_tablespaces(const Rows& rows) {
        for (int row = 0; row < rows.size(); ++row) {
            const auto oid = rows.find(row, 0);
            archives_.push_back(oid ? std::string{*oid} : std::string{});
            if (oid) locations_[std::string{*oid}] = std::string{rows.find(row, 1).value_or("")};
        }
    }

    Task<> receive() {
        auto watched = [this](TaskGroup& group) -> Task<> {
            group.spawn(watch_backup(*session_, *wal_, all_received_));
            group.spawn(receive_content());
            co_return;
        };
        co_await in_group(watched);
        received_.check(parse_backup_manifest(manifest_));
        stop_time_ = co_await ask_time(*session_);
        Entry entry;
        entry.path = "label/backup_manifest";
        entry.size = manifest_.size();
        entry.mode = 0600;
        co_await sink_.add(std::move(entry), to_bytes(view_of(manifest_)));
        if (!has_own_config_) co_await add_rebuilt_settings();
        log_end_ = end_of_own_log(stop_, cluster_, wal_->server().segment_bytes);
        co_await wal_->finish(log_end_);
    }

    Task<> receive_content() {
        if (cluster_.major() >= 15)
            co_await receive_messages();
        else
            co_await receive_copies();
        all_received_ = true;
        session_->wake();
    }

    /// 15 and later: one COPY; each message begins with its kind.
    Task<> receive_messages() {
        bool in_manifest = false;
        for (auto message = co_await next_message(); message; message = co_await next_message()) {
            const auto body = ByteView{*message}.subspan(1);
            switch (message->front()) {
                case 'n':
                    end_archive();
                    begin_archive(oid_of_archive(text_of(body)));
                    break;
                case 'm':
                    end_archive();
                    in_manifest = true;
                    break;
                case 'd':
                    if (in_manifest)
                        manifest_ += text_of(body);
                    else if (archive_)
                        co_await archive_->add(body);
                    else
                        throw Error{Fault::corrupt, "the server sent data before it named an archive"};
                    break;
                default:
                    break;  // 'p': how far it is
            }
        }
        co_await take_end();
    }

    /// 13 and 14: a COPY for each tablespace in the order of the list, then one for the manifest.
    Task<> receive_copies() {
        for (const auto& oid : archives_) {
            begin_archive(oid);
            for (auto block = co_await next_message(); block; block = co_await next_message()) co_await archive_->add(*block);
            end_archive();
            if (!co_await stream_->next_result()) throw Error{Fault::corrupt, "the server ended its backup early"};
        }
        for (auto block = co_await next_message(); block; block = co_await next_message()) manifest_ += text_of(*block);
        co_await take_end();
    }

    /// The archive's name: `base.tar`, or `16384.tar` and the tablespace's place.
    static std::string oid_of_archive(std::string_view message) {
        const auto name = message.substr(0, message.find('\0'));
        return name == "base.tar" ? std::string{} : std::string{name.substr(0, name.find('.'))};
    }

    void begin_archive(const std::string& oid) {
        const auto prefix = oid.empty() ? std::string{"pgdata"} : "tablespace/" + oid;
        const auto in_manifest = oid.empty() ? std::string{} : "pg_tblspc/" + oid + "/";
        archive_ = std::make_unique<TarUnpacker>(sink_, received_, prefix, in_manifest);
    }

    void end_archive() {
        if (!archive_) return;
        archive_->finish();
        has_own_config_ = has_own_config_ || archive_->has_own_config();
        archive_.reset();
    }

    /// The end of the log that this backup needs. A server that met bad pages says so after it, as an error: the copy is whole.
    Task<> take_end() {
        bool bad_pages = false;
        try {
            for (auto result = co_await stream_->next_result(); result; result = co_await stream_->next_result())
                if (!result->empty()) stop_ = parse_lsn(result->text(0, 0));
        } catch (const Error& error) {
            if (stop_ == 0 || sqlstate_of(error) != "XX001") throw;
            bad_pages = true;
        }
        if (stop_ == 0) throw Error{Fault::corrupt, "the server did not tell where its backup ends"};
        if (bad_pages && warnings_.empty()) warnings_.emplace_back("the server found pages that do not match their checksums");
    }

    Task<std::optional<Bytes>> next_message() {
        for (;;) {
            char* raw = nullptr;
            const int length = PQgetCopyData(stream_->raw(), &raw, 1);
            const std::unique_ptr<char, FreeCopy> message{raw};
            if (length > 0) co_return to_bytes({reinterpret_cast<const std::uint8_t*>(raw), static_cast<std::size_t>(length)});
            if (length == -1) co_return std::nullopt;
            if (length < 0) throw error_of_connection(stream_->raw()).during("receiving the base backup");
            (void)co_await stream_->wait_readable(wait_max);
            if (PQconsumeInput(stream_->raw()) == 0)
                throw error_of_connection(stream_->raw()).during("receiving the base backup");
        }
    }

    Task<> add_rebuilt_settings() {
        const auto text = co_await settings_as_file(*session_);
        if (cluster_.config_file.empty()) cluster_.config_file = unknown_config_file;
        Entry entry;
        entry.path = config_entry_path(cluster_.config_file);
        entry.size = text.size();
        entry.mode = 0600;
        co_await sink_.add(std::move(entry), to_bytes(view_of(text)));
        findings_.push_back(
            {Finding::Level::info,
             "the server's configuration lies outside its data directory: its settings are in this backup, pg_hba.conf and "
             "pg_ident.conf are not",
             "Run varve on the server's host, or archive its configuration directory as a source of its own."});
    }

    BackupFacts facts() {
        BackupFacts facts;
        const auto& log = wal_->server();
        facts.start = position_in(log.lineage, start_);
        facts.stop = position_in(log.lineage, stop_);
        facts.log_end = log_end_;
        facts.lineage = log.lineage;
        facts.stop_time = stop_time_;
        facts.facts = facts_of(cluster_);
        facts.facts["method"] = "stream";
        facts.facts["timeline"] = std::to_string(log.history.timeline);
        facts.facts["wal_segment_size"] = std::to_string(log.segment_bytes);
        for (const auto& [oid, location] : locations_)
            // An in-place tablespace has a relative place: it stands in the data directory like any other folder.
            facts.facts["tablespace." + oid + ".location"] = location.starts_with('/') ? location : std::string{};
        facts.findings = std::move(findings_);
        for (const auto& warning : warnings_)
            facts.findings.push_back({Finding::Level::error, warning, "Restore the damaged table from an earlier backup."});
        return facts;
    }

    BackupContext context_;
    BackupSink& sink_;
    std::unique_ptr<Session> session_;
    Cluster cluster_;
    std::unique_ptr<BackupWal> wal_;
    std::vector<std::string> warnings_;
    std::unique_ptr<Session> stream_;
    std::vector<std::string> archives_;             ///< oid of each tar in the order of 13 and 14; empty: the data directory
    std::map<std::string, std::string> locations_;  ///< by oid
    std::unique_ptr<TarUnpacker> archive_;
    ReceivedFiles received_;
    std::string manifest_;
    bool has_own_config_ = false;
    bool all_received_ = false;
    Lsn start_ = 0, stop_ = 0, log_end_ = 0;
    Instant stop_time_;
    std::vector<Finding> findings_;
};

}  // namespace

Task<BackupFacts> back_up_stream(BackupContext context, BackupSink& sink) {
    StreamBackup backup{std::move(context), sink};
    co_return co_await backup.run();
}

}  // namespace varve::postgresql
