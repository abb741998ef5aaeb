#include "cli/interrupted.hpp"

#include <csignal>

namespace varve::cli {
namespace {

struct Kept {
    std::string operator()(const BackupRunRequest&) const {
        return "Nothing of the unfinished backup is listed; backups of the command that had ended before are kept. Run it again.";
    }
    std::string operator()(const RestoreRunRequest& request) const {
        const auto place = request.options.to ? request.options.to->string() : std::string{"The destination"};
        return place +
               " is not whole: do not use it. The same command with --delta finishes a PostgreSQL cluster; a tree of files is "
               "removed and restored again, and of a SQLite database nothing was put in place.";
    }
    std::string operator()(const LogFollowRequest&) const {
        return "What was durable by then is kept; the next run goes on from there.";
    }
    std::string operator()(const WalPushRequest&) const { return "The server keeps the segment and tries again."; }
    std::string operator()(const VerifyRequest&) const { return "Nothing was changed; the next run begins anew."; }
    std::string operator()(const InitRequest&) const { return "Run it again: it goes on with the keys that it made."; }
    std::string operator()(const auto&) const { return "Run it again."; }
};

}  // namespace

Error interrupted(const Request& request, int signal) {
    return Error{Fault::cancelled, std::string{"interrupted by "} + (signal == SIGTERM ? "SIGTERM" : "SIGINT")}
        .code("cancelled", 128 + signal)
        .hint(std::visit(Kept{}, request));
}

}  // namespace varve::cli
