/// The composition: configuration to stores, repository and sources. Each command opens what it needs.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "app/runtime.hpp"
#include "config/config.hpp"
#include "jobs/source.hpp"
#include "repository/repository.hpp"

namespace varve {

class RetryingStore;

/// Drivers and stores, as the configuration must know them.
KnownKinds known_kinds();

/// One process, one configuration. io thread.
class App {
public:
    App(Runtime& runtime, Config config);
    ~App();

    Runtime& runtime() noexcept { return runtime_; }
    const Config& config() const noexcept { return config_; }

    /// The stores of the configuration, retrying; nothing is asked of them.
    std::shared_ptr<Copies> make_copies();
    /// Requests to one of them that were tried again, so far.
    std::uint64_t retries_of(const RepositoryName& copy) const;
    /// The keys held here. Fault::missing (exit 10) with the remedy `varve init`.
    KeyRing read_keys() const;
    std::filesystem::path keys_file() const;
    /// Keys, stores and the repository's config. Once.
    Task<> open();
    /// After open().
    JobContext& jobs();
    /// Made at the first call; Fault::invalid for a name that the configuration does not have.
    Source& source(const SourceName& name);
    /// Every enabled source.
    std::vector<Source*> sources();
    /// And those that are not: what is archived of them is kept and collected all the same.
    std::vector<Source*> all_sources();
    /// The folder of a source in state_dir.
    std::filesystem::path state_of(const SourceName& name) const;

private:
    SourceSetup setup_of(const SourceSettings& settings) const;

    Runtime& runtime_;
    Config config_;
    std::shared_ptr<Copies> copies_;
    std::map<RepositoryName, std::shared_ptr<RetryingStore>> stores_;
    std::unique_ptr<Repository> repository_;
    std::unique_ptr<JobContext> jobs_;
    std::map<SourceName, std::unique_ptr<Source>> sources_;
};

}  // namespace varve
