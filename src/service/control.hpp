/// The control socket: how a command reaches the service that owns the sources. docs/interface.md, "Control socket".
///
/// One request a connection, lines of JSON both ways:
///   → {"schema":1,"command":"backup run","arguments":{…}}
///   ← {"progress":{"done":…,"total":…}}        any number
///   ← {"reply":{…}}                            the same document that --json prints
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "varve/async.hpp"

namespace varve {

/// Who is on the other end, as the kernel says.
struct Peer {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;
    std::vector<gid_t> groups{};  ///< supplementary ones
};

struct ControlLimits {
    unsigned connections = 64;            ///< answered at once; the others wait to be accepted
    std::chrono::seconds first_line{10};  ///< for the request to arrive
    std::size_t request_bytes = 64 << 10;
    std::chrono::milliseconds accept_pause{500};  ///< after an accept that failed (no descriptor left)
};

using SendProgress = std::function<void(const nlohmann::json&)>;
/// Answers one command with the reply document. What it throws becomes the reply's error. `send_progress` may be called until it
/// returns.
using HandleCommand =
    std::function<Task<nlohmann::json>(std::string command, nlohmann::json arguments, Peer peer, SendProgress send_progress)>;

/// Listens until cancelled; every connection is a child task, and what goes wrong with one of them is logged and ends that one.
/// Everyone may connect: the handler decides by the peer's credentials who may do what. io thread.
/// Fault::conflict (exit 11) when another service answers on this socket; a stale socket file is replaced.
Task<> serve_control(std::filesystem::path socket, HandleCommand handle, ControlLimits limits = {});

/// Sends one command and waits for its reply. Nothing when no service listens there.
/// A client that goes away cancels its command.
Task<std::optional<nlohmann::json>> call_service(std::filesystem::path socket, std::string command, nlohmann::json arguments,
                                                 SendProgress on_progress = {});

}  // namespace varve
