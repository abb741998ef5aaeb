#include "varve/driver.hpp"

#include "varve/error.hpp"

namespace varve {

void LogSink::known_through(std::uint64_t, Instant) {}

std::optional<Lineage> LogSink::durable_lineage() const { return std::nullopt; }

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
