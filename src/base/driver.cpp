#include "varve/driver.hpp"

#include "varve/error.hpp"

namespace varve {

void LogSink::known_through(std::uint64_t, Instant) {}

std::optional<Lineage> LogSink::durable_lineage() const { return std::nullopt; }

Task<std::vector<bool>> BackupSink::carry_over_all(const std::vector<Entry>& entries) {
    std::vector<bool> carried;
    for (const auto& entry : entries) carried.push_back(co_await carry_over(entry));
    co_return carried;
}

namespace {

class AcceptCheck final : public BlockCheck {
public:
    explicit AcceptCheck(std::function<bool()> accept) : accept_{std::move(accept)} {}
    void look(std::uint64_t, ByteView) override {}
    bool accept() override { return accept_(); }

private:
    std::function<bool()> accept_;
};

}  // namespace

Task<std::vector<SmallFileRead>> BackupSink::take_small_files(std::vector<SmallFile> files) {
    std::vector<SmallFileRead> read(files.size());
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto& one = files[i];
        try {
            const auto file = one.open(one.entry);
            if (!file || one.entry.size > SmallFile::bytes_max) continue;
            auto check = std::make_shared<AcceptCheck>([accept = one.accept, file] { return accept(*file); });
            read[i].kept = (co_await take_file(one.entry, file, ChunkProfile::file, check)).kept;
        } catch (const Error& error) {
            read[i].failure = error;
        }
    }
    co_return read;
}

void ContentWritten::require_whole(const std::string& remedy) const {
    if (damage.empty()) return;
    std::string all;
    for (const auto& sentence : damage) all += (all.empty() ? "" : " | ") + sentence;
    throw Error{Fault::corrupt, all}.hint(remedy);
}

std::string Driver::print_position(std::uint64_t at) const { return std::to_string(at); }

std::string Driver::print_position_in(const Lineage&, std::uint64_t at) const { return print_position(at); }

Task<LogFile> Driver::identify_log_file(std::filesystem::path path) {
    throw Error{Fault::unsupported, "this kind of source hands over no log files: " + path.string()};
    co_return LogFile{};
}

Task<bool> Driver::fetch_log_file(std::string name, std::filesystem::path to, LogSource&) {
    throw Error{Fault::unsupported, "this kind of source fetches no log files: " + name + " to " + to.string()};
    co_return false;
}

Task<std::vector<ExportedFile>> Driver::export_log(std::filesystem::path to, LogSource&) {
    throw Error{Fault::unsupported, "the log of this kind of source is not made of files to export to " + to.string()};
    co_return std::vector<ExportedFile>{};
}

}  // namespace varve
