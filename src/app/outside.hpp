/// What the service tells the outside beside its work: the status board, metrics, health, notices. Nothing here ends the service
/// or changes what it does.
#pragma once

#include "app/app.hpp"
#include "service/http.hpp"
#include "service/notifier.hpp"
#include "service/repository_watch.hpp"
#include "service/service.hpp"
#include "service/status_board.hpp"

namespace varve {

/// io thread. `app` and `service` outlive it.
class Outside {
public:
    Outside(App& app, const Service& service, const asio::any_io_executor& executor);

    StatusBoard& board() noexcept { return board_; }
    /// Until cancelled.
    Task<> run();

private:
    HttpReply answer(const std::string& path) const;
    Task<> serve_pages();
    std::string metrics() const;

    App& app_;
    Instant began_;
    StatusBoard board_;
    RepositoryWatch watch_;
    Notifier notifier_;
};

}  // namespace varve
