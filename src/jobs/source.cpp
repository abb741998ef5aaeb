#include "jobs/source.hpp"

#include "varve/error.hpp"

namespace varve {

FileLock own_source(const SourceSetup& setup, const std::string& work) {
    make_directories(setup.state_dir);
    const auto path = setup.state_dir / (work + ".lock");
    if (auto lock = FileLock::try_take(path)) return std::move(*lock);
    throw Error{Fault::conflict, "another varve process (pid " + std::to_string(FileLock::holder(path)) + ") does the " + work +
                                     " of " + setup.name.text()}
        .code("busy", 11)
        .hint("Wait for it, or stop it: one process at a time owns a source.");
}

}  // namespace varve
