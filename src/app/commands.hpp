/// What each command does, from its request to its result. One function a command; the service answers some of them with the same
/// ones.
#pragma once

#include "app/app.hpp"
#include "cli/listing.hpp"
#include "cli/requests.hpp"
#include "cli/results.hpp"
#include "jobs/log_job.hpp"
#include "jobs/wal_job.hpp"
#include "service/notice_sender.hpp"
#include "service/service.hpp"
#include "service/status_board.hpp"

namespace varve {

// In this process; `app` is open unless said otherwise.
Task<cli::BackupRunResult> run_backups(App& app, cli::BackupRunRequest request, ReportProgress report);
Task<cli::BackupListResult> list_backups(App& app, cli::BackupListRequest request);
Task<cli::BackupShowResult> show_backup(App& app, cli::BackupShowRequest request);

/// Until caught up, or until cancelled.
Task<cli::LogFollowResult> follow_log(App& app, cli::LogFollowRequest request);
Task<cli::LogListResult> list_log(App& app, cli::LogListRequest request);
Task<cli::LogGapsResult> list_gaps(App& app, cli::LogGapsRequest request);
Task<cli::LogExportResult> export_log(App& app, cli::LogExportRequest request);
Task<cli::WalFetchResult> fetch_wal(App& app, cli::WalFetchRequest request);

Task<cli::RestorePlanResult> plan_restore(App& app, cli::RestorePlanRequest request);
/// The plan of a run; refuses what the run would refuse before it writes.
Task<cli::RestorePlanResult> rehearse_restore(App& app, cli::RestoreRunRequest request);
Task<cli::RestoreRunResult> run_restore(App& app, cli::RestoreRunRequest request, ReportProgress report);

/// Rows go to standard output as they are found; what is left in `listing` is for the caller. Gives what the list falls short by.
Task<std::optional<Error>> list_files(App& app, cli::ListFilesRequest request, cli::Listing& listing);
Task<std::optional<Error>> find_files(App& app, cli::FindFilesRequest request, cli::Listing& listing);
Task<std::optional<Error>> diff_files(App& app, cli::DiffFilesRequest request, cli::Listing& listing);
/// Content to standard output.
Task<> print_files(App& app, cli::CatFilesRequest request);

Task<cli::CheckResult> check(App& app, cli::CheckRequest request, Service* service);
/// `board`: of the service that this runs in.
Task<cli::StatusResult> status(App& app, cli::StatusRequest request, StatusBoard* board);
Task<cli::VerifyResult> verify(App& app, cli::VerifyRequest request);
/// The receivers of notices, as [[notify]] names them.
std::vector<NoticeTarget> notice_targets(const Config& config);
/// Sends a test to each of them. `app` need not be open. Fault::invalid when there is none.
Task<cli::NotifyTestResult> test_notices(App& app);
Task<cli::RetentionPlanResult> plan_retention(App& app, cli::RetentionPlanRequest request);

Task<cli::CollectResult> plan_collection(App& app, cli::CollectPlanRequest request);
Task<cli::CollectResult> run_collection(App& app, cli::CollectRunRequest request);
Task<cli::CollectExplainResult> explain_collection(App& app, cli::CollectExplainRequest request);
Task<cli::NoteResult> hold_backup(App& app, cli::BackupHoldRequest request);
Task<cli::NoteResult> release_backup(App& app, cli::BackupReleaseRequest request);
Task<cli::NoteResult> acknowledge_backup(App& app, cli::BackupAcknowledgeRequest request);
Task<cli::NoteResult> delete_backup(App& app, cli::BackupDeleteRequest request);

/// `app` is not open: there is no repository yet.
Task<cli::InitResult> init(App& app, cli::InitRequest request);
/// Writes a new configuration to `file`. Fault::conflict when there is one. Needs none, and blocks.
cli::DiscoverResult discover_sources(const std::filesystem::path& file, const cli::InitRequest& request);
cli::KeyListResult list_keys(const App& app);
Task<cli::KeyExportResult> export_key(App& app, cli::KeyExportRequest request);
Task<cli::KeyProveResult> prove_kit(App& app, cli::KeyProveRequest request);
Task<cli::SourceChangeResult> adopt_source(App& app, cli::SourceAdoptRequest request);
Task<cli::SourceChangeResult> retire_source(App& app, cli::SourceRetireRequest request);

/// What a job did, as the result of its command.
cli::BackupMade made_of(const SourceName& source, const BackupReport& report);
cli::WalPushResult pushed_of(const SourceName& source, const std::filesystem::path& file, const PushReport& report);

/// The service in the foreground, until cancelled.
Task<> serve(App& app);

}  // namespace varve
