#include "cli/dry_run.hpp"

namespace varve::cli {
namespace {

struct Steps {
    std::optional<DryRunResult> operator()(const InitRequest& request) const {
        if (request.discover)
            return DryRunResult{
                {"Look for what can be archived on this host.", "Write it, commented out, to a new configuration file."}};
        if (request.copy)
            return DryRunResult{{"Make repository " + request.copy->text() + " a further copy of the existing one."}};
        DryRunResult result{
            {std::string{"Make a "} + (request.sealed ? "sealed" : "managed") + " repository in every configured copy.",
             "Write the keys of this host to the file that the configuration names."}};
        result.steps.push_back(request.recovery_kit ? "Write the recovery kit to " + request.recovery_kit->string() + "."
                                                    : "Write the recovery kit beside the keys.");
        return result;
    }
    std::optional<DryRunResult> operator()(const BackupRunRequest& request) const {
        DryRunResult result;
        for (const auto& source : request.sources)
            result.steps.push_back("Back up " + source.text() + " to every repository" +
                                   (request.full ? ", reading everything." : "."));
        return result;
    }
    std::optional<DryRunResult> operator()(const LogFollowRequest& request) const {
        return DryRunResult{{"Ship the log of " + request.source.text() + " to every repository" +
                             (request.until_caught_up ? " until it has caught up." : " until it is interrupted.")}};
    }
    std::optional<DryRunResult> operator()(const MarkRequest& request) const {
        return DryRunResult{{"Set the restore point " + request.name + " in the log of " + request.source.text() +
                             ", and wait until it is durable on every required repository."}};
    }
    std::optional<DryRunResult> operator()(const WalPushRequest& request) const {
        return DryRunResult{{"Make sure that " + request.file.string() + " of " + request.source.text() +
                             " is durable on every required repository."}};
    }
    std::optional<DryRunResult> operator()(const CheckRequest& request) const {
        return DryRunResult{
            {"Ask every repository and " + (request.source ? request.source->text() : "every source") + " what they are like.",
             "Make a restore point in the log of each source that the service follows, and wait until it is "
             "durable on every required repository."}};
    }
    std::optional<DryRunResult> operator()(const WalFetchRequest& request) const {
        return DryRunResult{{"Write " + request.name + " from the archive to " + request.to.string() + "."}};
    }
    std::optional<DryRunResult> operator()(const VerifyRequest& request) const {
        return DryRunResult{{"Verify what is stored at level " + std::to_string(request.level) + ".",
                             "Store the result as evidence in every repository, where this host holds the key that signs it."}};
    }
    std::optional<DryRunResult> operator()(const BackupHoldRequest& request) const {
        return DryRunResult{{"Hold " + request.subject +
                             (request.until ? " until " + to_rfc3339(*request.until) : std::string{}) +
                             ": it is kept whatever its time is."}};
    }
    std::optional<DryRunResult> operator()(const BackupReleaseRequest& request) const {
        return DryRunResult{{"End the holds on " + request.subject + ", signed with the admin's key."}};
    }
    std::optional<DryRunResult> operator()(const BackupAcknowledgeRequest& request) const {
        return DryRunResult{{"Say of " + request.subject + ", signed with the admin's key, that it was looked at."}};
    }
    std::optional<DryRunResult> operator()(const BackupDeleteRequest& request) const {
        return DryRunResult{{"End the time of backup " + request.id.text() + ", signed with the admin's key.",
                             "Collection takes it into account three days later, and removes it three days after that."}};
    }
    std::optional<DryRunResult> operator()(const CollectRunRequest&) const {
        return DryRunResult{{"Condemn what nothing keeps any more, in every repository: varve gc plan lists it.",
                             "Remove what was condemned three days ago and what nothing keeps still."}};
    }
    std::optional<DryRunResult> operator()(const KeyExportRequest& request) const {
        return DryRunResult{{request.to ? "Write the secret key of the role to the new file " + request.to->string() + "."
                                        : "Print the secret key of the role."}};
    }
    std::optional<DryRunResult> operator()(const KeyProveRequest& request) const {
        return DryRunResult{
            {"Open an object with " + (request.recovery_kit ? request.recovery_kit->string() : "the recovery kit") + " alone.",
             "Note in the state directory when it was proven."}};
    }
    std::optional<DryRunResult> operator()(const NotifyTestRequest&) const {
        return DryRunResult{{"Send a test to every receiver that a [[notify]] names."}};
    }
    std::optional<DryRunResult> operator()(const SourceAdoptRequest& request) const {
        return DryRunResult{{"Accept the server that answers now as " + request.source.text() + "."}};
    }
    std::optional<DryRunResult> operator()(const SourceRetireRequest& request) const {
        return DryRunResult{
            {"Give back what is held on the server of " + request.source.text() + ".",
             "Say, signed with the admin's key, that no more is to come: its backups go when their time is over, the last too."}};
    }
    std::optional<DryRunResult> operator()(const auto&) const { return {}; }
};

struct Sources {
    std::vector<SourceName> operator()(const BackupRunRequest& request) const { return request.sources; }
    std::vector<SourceName> operator()(const RestorePlanRequest& request) const { return {request.options.source}; }
    std::vector<SourceName> operator()(const RestoreRunRequest& request) const { return {request.options.source}; }
    std::vector<SourceName> operator()(const auto& request) const {
        if constexpr (requires { SourceName{request.source}; })
            return {request.source};
        else if constexpr (requires { *request.source; })
            return request.source ? std::vector{*request.source} : std::vector<SourceName>{};
        else
            return {};
    }
};

}  // namespace

std::vector<SourceName> sources_of(const Request& request) { return std::visit(Sources{}, request); }

std::optional<DryRunResult> dry_run_of(const Request& request) { return std::visit(Steps{}, request); }

}  // namespace varve::cli
