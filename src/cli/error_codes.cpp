#include "cli/error_codes.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace varve::cli {
namespace {

constexpr std::array faults{Fault::unreachable, Fault::overloaded, Fault::denied,  Fault::invalid,
                            Fault::missing,     Fault::conflict,   Fault::corrupt, Fault::unsupported,
                            Fault::refused,     Fault::cancelled,  Fault::defect};

/// Words that say more than their fault does.
struct OwnWord {
    std::string_view word;
    Fault fault;
};
constexpr std::array own_words{
    OwnWord{"usage", Fault::invalid},
    OwnWord{"configuration", Fault::invalid},
    OwnWord{"unknown_source", Fault::invalid},
    OwnWord{"busy", Fault::conflict},
    OwnWord{"repository_missing", Fault::missing},
    OwnWord{"backup_not_found", Fault::missing},
    OwnWord{"point_not_recoverable", Fault::missing},
    OwnWord{"not_archived", Fault::missing},
    OwnWord{"path_not_found", Fault::missing},
    OwnWord{"no_content", Fault::invalid},
    OwnWord{"wrong_key", Fault::denied},
    OwnWord{"wrong_identity", Fault::refused},
    OwnWord{"repository_damaged", Fault::corrupt},
    OwnWord{"verification_failed", Fault::corrupt},
    OwnWord{"store_poisoned", Fault::refused},
    OwnWord{"log_forked", Fault::conflict},
    OwnWord{"format_too_new", Fault::unsupported},
    OwnWord{"partial", Fault::corrupt},
    OwnWord{"fewer_copies", Fault::unreachable},
    OwnWord{"source_failed", Fault::refused},
    OwnWord{"being_collected", Fault::refused},
    OwnWord{"kept", Fault::refused},
    OwnWord{"collection_refused", Fault::refused},
    OwnWord{"collection_paused", Fault::refused},
    OwnWord{"check_failed", Fault::invalid},
    OwnWord{"notify_failed", Fault::unreachable},
};

struct OwnExit {
    int exit_code;
    Fault fault;
};
constexpr std::array own_exits{OwnExit{2, Fault::invalid},      OwnExit{5, Fault::refused},  OwnExit{10, Fault::missing},
                               OwnExit{11, Fault::conflict},    OwnExit{12, Fault::denied},  OwnExit{13, Fault::corrupt},
                               OwnExit{14, Fault::unsupported}, OwnExit{21, Fault::corrupt}, OwnExit{22, Fault::missing},
                               OwnExit{75, Fault::overloaded},  OwnExit{77, Fault::denied},  OwnExit{130, Fault::cancelled},
                               OwnExit{143, Fault::cancelled}};

}  // namespace

std::string code_of(const Error& error) {
    if (!error.code_word().empty()) return error.code_word();
    // What a server finds damaged in its own data comes with its code; all other bytes that are wrong were stored.
    if (error.fault() == Fault::corrupt && !error.context().contains("sqlstate")) return "repository_damaged";
    return std::string{name_of(error.fault())};
}

Fault fault_of(const std::string& code, int exit_code) noexcept {
    for (const auto fault : faults)
        if (code == name_of(fault)) return fault;
    for (const auto& own : own_words)
        if (code == own.word) return own.fault;
    for (const auto& own : own_exits)
        if (exit_code == own.exit_code) return own.fault;
    return Fault::defect;
}

int exit_code_of(const std::string& command, const Error& error) {
    const auto exit_code = error.exit_code();
    if (command != "wal-fetch" || exit_code >= 128 || code_of(error) == "not_archived") return exit_code;
    return 128 + exit_code;
}

}  // namespace varve::cli
