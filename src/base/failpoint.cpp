#include "varve/failpoint.hpp"

#ifdef VARVE_FAILPOINTS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace varve {
namespace {

struct Plan {
    std::string kill_at;
    unsigned time = 1;
    int log = -1;

    Plan() {
        if (const char* wanted = std::getenv("VARVE_FAILPOINT"); wanted != nullptr) {
            kill_at = wanted;
            const auto colon = kill_at.find(':');
            if (colon != std::string::npos) {
                time = static_cast<unsigned>(std::strtoul(kill_at.c_str() + colon + 1, nullptr, 10));
                kill_at.resize(colon);
            }
        }
        if (const char* path = std::getenv("VARVE_FAILPOINT_LOG"); path != nullptr) {
            log = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        }
    }
};

}  // namespace

void failpoint(const char* name) noexcept {
    static const Plan plan;
    static std::atomic<unsigned> passed{0};
    if (plan.log >= 0) {
        const auto line = std::string{name} + "\n";
        (void)!::write(plan.log, line.data(), line.size());
    }
    if (plan.kill_at == name && ++passed == plan.time) ::kill(::getpid(), SIGKILL);
}

}  // namespace varve

#endif
