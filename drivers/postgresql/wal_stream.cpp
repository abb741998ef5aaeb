#include "postgresql/wal_stream.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "postgresql/server_error.hpp"

namespace varve::postgresql {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t data_header_bytes = 25;  // 'w', start u64, end u64, time u64
constexpr std::size_t keepalive_bytes = 18;    // 'k', sent u64, time u64, reply u8
constexpr std::size_t yield_bytes = 1u << 20;
constexpr std::int64_t from_1970_to_2000 = 946'684'800'000'000;

struct FreeCopy {
    void operator()(char* raw) const noexcept { PQfreemem(raw); }
};

std::uint64_t u64_at(ByteView bytes, std::size_t offset) {
    std::uint64_t number = 0;
    for (std::size_t at = offset; at < offset + 8; ++at) number = number << 8 | bytes[at];
    return number;
}

void append_u64(std::string& bytes, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
}

/// In network order, unlike the same number inside a record.
Instant time_at(ByteView bytes, std::size_t offset) {
    return Instant{std::chrono::microseconds{static_cast<std::int64_t>(u64_at(bytes, offset)) + from_1970_to_2000}};
}

Error not_understood() { return Error{Fault::corrupt, "the server sent a replication message that is not understood"}; }

}  // namespace

Error server_stopped() {
    return Error{Fault::unreachable, "the server ended the stream: it is shutting down or restarting"}.hint(
        "Following resumes from the last stored position when the server is back.");
}

WalStream::WalStream(Session& session, std::uint64_t segment_bytes, Clock& clock)
    : session_{session},
      segment_bytes_{segment_bytes},
      clock_{clock},
      told_at_{SteadyClock::now()},
      status_due_{session.executor()} {}

Task<> WalStream::start(WalStart start) {
    auto sql = std::string{"START_REPLICATION "};
    if (start.slot) sql += "SLOT \"" + *start.slot + "\" ";
    sql += "PHYSICAL " + to_text(start.from) + " TIMELINE " + std::to_string(start.timeline);
    // An earlier stream of this session may have ended in an error, with more behind it.
    while (co_await session_.next_result()) {
    }
    received_ = start.from;
    held_.clear();
    co_await session_.start_copy(std::move(sql));
    told_at_ = SteadyClock::now();
}

// --------------------------------------------------------------------------------------------------------------- receiving

Task<std::optional<WalMessage>> WalStream::next(std::chrono::microseconds pause) {
    if (!held_.empty()) co_return take_data(std::exchange(held_, {}));
    if (unyielded_ >= yield_bytes) {
        unyielded_ = 0;
        co_await asio::post(session_.executor(), asio::use_awaitable);
    }
    for (bool has_waited = false;; has_waited = true) {
        char* raw = nullptr;
        const int length = PQgetCopyData(session_.raw(), &raw, 1);
        const std::unique_ptr<char, FreeCopy> message{raw};
        if (length > 0) co_return decode({reinterpret_cast<const std::uint8_t*>(raw), static_cast<std::size_t>(length)});
        if (length < 0) co_return co_await end_of_stream();
        // What had come before the cut was read above.
        if (lost_) throw error_of_connection(session_.raw()).during("streaming the log");
        // Woken, or only a part of a message came: the caller has a look around, and comes back.
        if (has_waited) co_return std::nullopt;
        if (!co_await session_.wait_readable(pause)) co_return std::nullopt;
        lost_ = PQconsumeInput(session_.raw()) == 0;
    }
}

WalMessage WalStream::decode(ByteView message) {
    if (message.front() == 'k' && message.size() >= keepalive_bytes)
        return WalKeepalive{.sent = u64_at(message, 1), .reply_wanted = message[17] != 0, .sent_at = time_at(message, 9)};
    if (message.front() != 'w' || message.size() < data_header_bytes) throw not_understood();
    const auto at = u64_at(message, 1);
    if (at != received_)
        throw Error{Fault::corrupt, "the server streamed the log from " + to_text(at) + " and not from " + to_text(received_)};
    server_end_ = u64_at(message, 9);
    sent_at_ = time_at(message, 17);
    return take_data(to_bytes(message.subspan(data_header_bytes)));
}

WalData WalStream::take_data(Bytes bytes) {
    const auto room = segment_end(received_, segment_bytes_) - received_;
    if (bytes.size() > room) {
        held_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(room), bytes.end());
        bytes.resize(room);
    }
    WalData data{.at = received_, .bytes = std::move(bytes), .server_end = server_end_, .sent_at = sent_at_};
    received_ += data.bytes.size();
    unyielded_ += data.bytes.size();
    return data;
}

Task<WalMessage> WalStream::end_of_stream() {
    auto result = co_await session_.next_result();
    const auto status = [&] { return result ? PQresultStatus(result->raw()) : PGRES_EMPTY_QUERY; };
    if (status() == PGRES_COPY_IN || status() == PGRES_COPY_BOTH) {  // the timeline is over: the server waits for our end
        PQputCopyEnd(session_.raw(), nullptr);
        session_.flush();
        result = co_await session_.next_result();
    }
    if (status() != PGRES_TUPLES_OK || result->empty()) throw server_stopped();
    WalTimelineEnd end{.next_timeline = static_cast<std::uint32_t>(std::stoul(result->text(0, 0))),
                       .at = parse_lsn(result->text(0, 1))};
    while (co_await session_.next_result()) {
    }
    co_return end;
}

// ----------------------------------------------------------------------------------------------------------------- statuses

void WalStream::acknowledge(Lsn durable) {
    if (durable <= durable_) return;  // the server would let its slot go backwards
    durable_ = durable;
    status_due_.notify();
}

void WalStream::answer() {
    answer_due_ = true;
    status_due_.notify();
}

Task<> WalStream::keep_alive() {
    while (true) {
        const auto pause =
            answer_due_ ? std::chrono::milliseconds{status_pause_min} : std::chrono::milliseconds{status_pause_max};
        const auto left = std::chrono::ceil<std::chrono::microseconds>(told_at_ + pause - SteadyClock::now());
        if (left.count() <= 0)
            send_status(answer_due_ ? Reply::not_wanted : Reply::wanted);
        else if (durable_ != told_)
            send_status(Reply::not_wanted);
        else
            co_await status_due_.wait_for(left);
        co_await check_stop();
    }
}

/// A failure to send shows where the stream is read, with the server's own words if there were any.
void WalStream::send_status(Reply reply) {
    std::string status = "r";
    for (int position = 0; position < 3; ++position) append_u64(status, durable_);
    append_u64(status, static_cast<std::uint64_t>(clock_.now().time_since_epoch().count() - from_1970_to_2000));
    status += reply == Reply::wanted ? '\1' : '\0';
    if (PQputCopyData(session_.raw(), status.data(), static_cast<int>(status.size())) == 1) PQflush(session_.raw());
    told_ = durable_;
    told_at_ = SteadyClock::now();
    answer_due_ = false;
}

}  // namespace varve::postgresql
