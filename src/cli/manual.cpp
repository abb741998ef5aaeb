#include "cli/manual.hpp"

#include <map>
#include <string>

#include "cli/command_tree.hpp"

namespace varve::cli {
namespace {

const std::map<std::string, std::string>& pages() {
    static const std::map<std::string, std::string> texts{
        {"", R"(First steps:
  varve config check          is the configuration right?
  varve init                  make the repository and its keys; keep the recovery kit elsewhere
  varve check                 prove the way from each server to each repository
  varve serve                 archive from now on (systemd: varve.service)
  varve status                one screen of truth

Exit codes:
   0 done on every required repository      11 busy: another process owns it
   1 failure                                12 wrong key
   2 usage or configuration                 13 repository damaged
   3 partial: stored, and marked so         14 format too new for this program
   4 on fewer repositories than required    20 log gap, or an objective is missed
   5 refused by a safety brake              21 verification or drill failed
  10 repository missing                     22 requested point not recoverable
  75 temporary, retry                       77 permission
 130, 143 interrupted, can be resumed

With --json stdout holds exactly one document: {"schema": 1, "command", "ok", "exit_code", "result" or "error"}.)"},
        {"init",
         R"(Writes the keys of this host to the file named by `keys` in the configuration, and a recovery kit that alone can
open the repository when this host is gone. Move the kit to another place and prove it with: varve key prove.
Secrets that exist are never overwritten.

Examples:
  varve init --recovery-kit /root/varve-recovery.kit
  varve init --copy offsite)"},
        {"check",
         R"(Asks every repository and source, changes nothing that matters, and forces a log switch on each server whose log is
followed: the check passes when that log is durable on every required repository. Each finding says what to do.)"},
        {"serve", R"(Follows every source's log, runs the backup schedule and answers the other commands over the control socket.
Tells systemd when it is ready; reads the configuration again on SIGHUP; stops cleanly on SIGTERM within 30 s.)"},
        {"status",
         R"(The verdict of each source and the reason, from what the repository holds: last backup, newest durable log per
repository with its age, recovery window, gaps, what to do next.

Exit codes: 0 when every source is ok or has a warning, 20 when one has failed or is unknown.)"},
        {"backup run",
         R"(Ends when each backup is durable on every required repository, or leaves nothing visible. Runs in the service when one
is up.

Exit codes: 0, 3 stored but with unreadable entries or bad pages, 4 on fewer repositories than required, 11 busy.

Examples:
  varve backup run pg/main
  varve backup run pg/main shop/uploads --json)"},
        {"notify test",
         R"(Sends a test to every [[notify]] of the configuration, whatever its `on` says, and tells who took it. Runs in the service when
one is up, with the service's secrets. Exit code 1 when one did not take it.)"},
        {"log follow",
         R"(Ships what the server writes until it is interrupted; SIGINT makes what was received durable first. Fails with exit
code 11 while the service follows this source.)"},
        {"restore plan",
         R"(Takes the options of `restore run` and says what it would do: which backup, which log, where it would stop, what is
missing. Writes nothing. An instant outside the recovery window exits 22 and names the nearest ones.

Example:
  varve restore plan pg/main --at 2026-11-23T14:30:00Z)"},
        {"restore run",
         R"(The plan comes first; then every byte is checked against its hash before it is used. The original is never touched
unless it is named as the destination.

Examples:
  varve restore run pg/main --to /var/lib/postgresql/restored
  varve restore run pg/main --to /srv/copy --at '2026-11-23 14:30:00+01:00' --action pause
  varve restore run mysql/main --to /srv/copy --at '2026-11-23 14:30:00+01:00' --start
  varve restore run pg/main --to /srv/copy --backup 20261123T020000Z-1a2b3c4d --tablespace fast=/srv/fast)"},
        {"ls",
         R"(What lies in a folder of a backup, or at PATH when that is no folder. Paths are those of the backup, below the `paths` of the
source when there is one, else absolute without the first slash. Any driver's backups can be looked into; nothing is asked of
the source.

Examples:
  varve ls shop/uploads
  varve ls shop/uploads img/2026 --at 2026-11-20T00:00:00Z --recursive)"},
        {"find",
         R"(A pattern is one of .gitignore: `*` and `?` stay within a name, `**` crosses folders. With a slash before its end it begins at
the top, without it matches a name at any depth; with a slash at its end it matches folders only.

Examples:
  varve find shop/uploads '*.jpg' --backup 20261123T020000Z-1a2b3c4d
  varve find shop/uploads img/logo.png --all     which versions there are, and which backups have them)"},
        {"cat",
         R"(Every byte is checked before it is printed. When something is damaged, what was printed before is right and the exit code is
13.

Example:
  varve cat shop/uploads etc/app.conf --at 2026-11-20T00:00:00Z > app.conf)"},
        {"diff",
         R"(What was added, removed and changed from one backup to another. Content is compared by its chunks, so that a change is seen
that kept size and time. A folder whose time alone changed is not named. Exits 0 also when there are differences.

Examples:
  varve diff shop/uploads 20261122T020000Z-5e6f7a8b latest
  varve diff shop/uploads 2026-11-01T00:00:00Z latest --json)"},
        {"wal-push",
         R"(For archive_command = 'varve wal-push --source pg/main %p'. Exits 0 only when the file's bytes are durable on every
required repository; 75 when the service cannot be reached or takes too long: the server tries again.)"},
        {"wal-fetch",
         R"(For restore_command = 'varve wal-fetch --source pg/main %f "%p"'. Exits 0 when the file is there, 1 when the archive
positively has no such file, and 128 or more for everything else, so that recovery never ends early by mistake.)"},
        {"verify",
         R"(Level 0 compares names with manifests; level 1 reads objects and checks their SHA-256, those never checked first;
level 2 opens every chunk of every backup and needs a key that reads content. Exits 21 when something is damaged.)"},
        {"retention plan",
         R"(Lists what keeps each backup and until when, every deletion of the next 30 days with its day and its reason, and which
instants can be restored now and, of what is there now, then. Reads the repository and removes nothing.

Examples:
  varve retention plan pg/main
  varve retention plan --days 90 --json)"},
        {"backup hold",
         R"(A held backup stays whatever its time is, until TIME or until it is released. Exits 5 when a collector is removing it already.

Examples:
  varve backup hold 20261123T020000Z-1a2b3c4d
  varve backup hold pg/main --until 2027-01-01T00:00:00Z      everything of this source)"},
        {"backup acknowledge",
         R"(Collection stops at a suspect backup, at a backup that is not listed any more, and after a silence of three days. Once an
admin has looked at it, this lets it go on. It needs the admin's key. A silence is acknowledged with the name of a source.)"},
        {"backup delete",
         R"(The backup's time is over from now on: three days later collection takes that into account, and removes it three days
after that, when its month has ended two weeks ago. Refused (5) while something else keeps it: the newest backups of a source, those
that an instant of the point-in-time window is reached from, a hold. It needs the admin's key.)"},
        {"gc run",
         R"(Condemns, in every repository by itself, what nothing keeps any more, and removes what was condemned three days ago and what
nothing keeps still. The service does not do it by itself yet. No lock is needed: backups, restores and other collectors may run.

Exit codes: 0, 5 something was stopped by a brake or pauses; the rest was done.)"},
        {"key export", R"(The exported text is the secret itself: whoever reads it has the role.)"},
        {"key prove", R"(Opens an object of the repository with the recovery kit alone, and records that it could.)"},
        {"source adopt",
         R"(Needed after a server was rebuilt: Varve refuses (exit 5) to mix the archive of two servers under one name until the
new one is adopted. The old backups stay.)"},
        {"source retire",
         R"(Removes the replication slot and whatever else is held on the server, so that it may recycle its log. With the admin's key
it also says that no more is to come: the last backups go too when their time is over. A new backup ends that.)"},
        {"config show", R"(Secrets are shown as the references that they are.)"},
        {"completion", R"(Examples:
  varve completion bash > /etc/bash_completion.d/varve
  varve completion zsh > /usr/local/share/zsh/site-functions/_varve
  varve completion fish > ~/.config/fish/completions/varve.fish)"},
    };
    return texts;
}

void add_page(CLI::App& app) {
    if (const auto page = pages().find(words_of(app)); page != pages().end()) app.footer(page->second);
    for (auto* below : app.get_subcommands([](CLI::App*) { return true; })) add_page(*below);
}

}  // namespace

void add_manual(CLI::App& root) { add_page(root); }

}  // namespace varve::cli
