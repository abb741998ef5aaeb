#include "postgresql/backup_wal.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "postgresql/sync_names.hpp"
#include "postgresql/wal_stream.hpp"

namespace varve::postgresql {

namespace {

constexpr std::chrono::seconds look_around{1};
constexpr std::size_t zero_block_bytes = 256u << 10;

/// At most 63 characters of `[a-z0-9_]`.
std::string slot_name_of(const std::string& label) {
    std::string name = "varve_backup_";
    for (const char c : label) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        const bool is_capital = c >= 'A' && c <= 'Z';
        name += is_plain ? c : is_capital ? static_cast<char>(c - 'A' + 'a') : '_';
    }
    // The end of a label tells backups apart, its beginning rarely does.
    if (name.size() > 63) name = "varve_backup_" + name.substr(name.size() - 50);
    return name;
}

Entry wal_entry(const std::string& name) {
    Entry entry;
    entry.path = "wal/" + name;
    entry.mode = 0600;
    return entry;
}

}  // namespace

struct BackupWal::State {
    State(std::unique_ptr<Session> own, std::string name, BackupSink& into)
        : session{std::move(own)}, application_name{std::move(name)}, sink{into}, changed{session->executor()} {}

    std::unique_ptr<Session> session;
    std::string application_name;
    BackupSink& sink;
    ServerLog server;
    std::string slot;
    SystemClock clock;
    std::unique_ptr<WalStream> stream;
    std::unique_ptr<EntryWriter> segment;  ///< the entry being written
    std::optional<Lsn> stop;
    bool done = false;
    std::exception_ptr failure;
    Signal changed;

    Lsn received() const { return stream ? stream->received() : 0; }

    Task<> store_history() {
        if (server.history.lines.empty()) co_return;
        auto entry = wal_entry(history_name(server.history.timeline));
        entry.size = server.history.text.size();
        co_await sink.add(std::move(entry), to_bytes(view_of(server.history.text)));
    }

    Task<> store(WalData data) {
        const auto end = data.at + data.bytes.size();
        if (!segment) {
            auto entry = wal_entry(segment_name(server.history.timeline, data.at, server.segment_bytes));
            segment = co_await sink.open(std::move(entry), ChunkProfile::stream);
        }
        co_await segment->write(std::move(data.bytes));
        stream->acknowledge(end);
        if (end % server.segment_bytes == 0) co_await end_segment();
    }

    Task<> end_segment() {
        co_await segment->finish();
        segment.reset();
    }

    /// The stream may have run into the segment behind the stop already: a part of it must not stand for the whole, which the
    /// archive has.
    Task<> fill_last_segment() {
        if (segment && segment_start(received(), server.segment_bytes) >= *stop) segment.reset();
        if (!segment) co_return;
        for (auto at = received(); at % server.segment_bytes != 0;) {
            const auto left = segment_end(at, server.segment_bytes) - at;
            Bytes zeros(std::min<std::uint64_t>(left, zero_block_bytes));
            at += zeros.size();
            co_await segment->write(std::move(zeros));
        }
        co_await end_segment();
    }

    Task<> receive() {
        while (!stop || received() < *stop) {
            auto message = co_await stream->next(look_around);
            if (!message) continue;
            if (auto* data = std::get_if<WalData>(&*message))
                co_await store(std::move(*data));
            else if (auto* keepalive = std::get_if<WalKeepalive>(&*message))
                answer(*keepalive);
            else
                throw promoted(std::get<WalTimelineEnd>(*message));
        }
        co_await fill_last_segment();
    }

    void answer(const WalKeepalive& keepalive) {
        if (keepalive.reply_wanted) stream->answer();
    }
    static Error promoted(const WalTimelineEnd& end) {
        return Error{Fault::conflict,
                     "the server changed to timeline " + std::to_string(end.next_timeline) + " during the backup"}
            .hint("Run the backup again.");
    }
};

BackupWal::BackupWal(std::shared_ptr<State> state) : state_{std::move(state)} {}
BackupWal::~BackupWal() = default;

const ServerLog& BackupWal::server() const noexcept { return state_->server; }
Lsn BackupWal::received() const noexcept { return state_->received(); }

void BackupWal::refuse_synchronous(const std::string& setting) const {
    postgresql::refuse_synchronous(setting, state_->application_name);
}

void BackupWal::cut() noexcept { ::shutdown(PQsocket(state_->session->raw()), SHUT_RDWR); }

Task<std::unique_ptr<BackupWal>> BackupWal::open(ConnectionSettings settings, std::string label, BackupSink& sink, Pools& pools) {
    auto name = settings.application_name;
    auto session = co_await Session::open(std::move(settings), SessionKind::replication, pools);
    postgresql::refuse_synchronous(co_await session->value("SHOW synchronous_standby_names"), name);
    auto state = std::make_shared<State>(std::move(session), std::move(name), sink);
    state->slot = slot_name_of(label);
    // First the slot: what ask_server_log() answers is then held already.
    co_await state->session->query("CREATE_REPLICATION_SLOT \"" + state->slot + "\" TEMPORARY PHYSICAL RESERVE_WAL");
    state->server = co_await ask_server_log(*state->session);
    co_return std::unique_ptr<BackupWal>{new BackupWal{std::move(state)}};
}

Task<> BackupWal::run(Lsn start) { return run(state_, start); }

Task<> BackupWal::run(std::shared_ptr<State> state, Lsn start) {
    std::exception_ptr failure;
    try {
        co_await state->store_history();
        state->stream = std::make_unique<WalStream>(*state->session, state->server.segment_bytes, state->clock);
        const auto from = segment_start(start, state->server.segment_bytes);
        co_await state->stream->start({state->slot, state->server.history.timeline, from});
        auto body = [&state](TaskGroup& group) -> Task<> {
            group.spawn(state->stream->keep_alive());
            co_await state->receive();
            group.request_stop();
        };
        co_await in_group(body);
    } catch (...) {
        failure = std::current_exception();
    }
    state->failure = failure;
    state->done = true;
    state->changed.notify();
    if (failure) std::rethrow_exception(failure);
}

Task<> BackupWal::finish(Lsn stop) {
    const auto state = state_;
    state->stop = stop;
    state->session->wake();
    while (!state->done) co_await state->changed.wait();
    if (state->failure) std::rethrow_exception(state->failure);
}

}  // namespace varve::postgresql
