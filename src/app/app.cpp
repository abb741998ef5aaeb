#include "app/app.hpp"

#include <algorithm>
#include <random>

#include "app/registry.hpp"
#include "stores/retrying_store.hpp"
#include "stores/store_factory.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {

namespace {

constexpr std::string_view file_reference = "file:";

LogRoute route_of(LogMode mode) {
    switch (mode) {
        case LogMode::stream:
            return LogRoute::stream;
        case LogMode::push:
            return LogRoute::push;
        case LogMode::off:
            return LogRoute::off;
    }
    throw Error{Fault::defect, "unknown log mode"};
}

std::function<double()> make_chance() {
    auto random = std::make_shared<std::minstd_rand>(std::random_device{}());
    return [random] { return std::uniform_real_distribution<double>{0, 1}(*random); };
}

}  // namespace

KnownKinds known_kinds() {
    KnownKinds known;
    for (const auto& kind : driver_kinds())
        known.drivers.push_back({.name = kind.name, .keys = kind.keys, .has_log = kind.has_log});
    known.stores.push_back({.scheme = "file", .keys = {}});
    return known;
}

App::App(Runtime& runtime, Config config) : runtime_{runtime}, config_{std::move(config)} {}
App::~App() = default;

std::shared_ptr<Copies> App::make_copies() {
    std::vector<Copy> copies;
    for (const auto& settings : config_.repositories) {
        auto store = make_store(settings.url, {.pools = runtime_.pools(), .clock = runtime_.clock()});
        auto retrying = std::make_shared<RetryingStore>(std::move(store), runtime_.clock(), settings.name.text());
        stores_[settings.name] = retrying;
        copies.push_back({.name = settings.name, .store = std::move(retrying), .required = settings.required});
    }
    if (copies.empty())
        throw Error{Fault::invalid, config_.file.string() + " names no [[repository]]"}.hint(
            "Add one: name = \"local\", url = \"file:///…\".");
    return std::make_shared<Copies>(std::move(copies));
}

std::uint64_t App::retries_of(const RepositoryName& copy) const {
    const auto store = stores_.find(copy);
    return store == stores_.end() ? 0 : store->second->retries();
}

std::filesystem::path App::keys_file() const {
    if (!config_.keys.starts_with(file_reference))
        throw Error{Fault::invalid, "keys are not in a file here: " + config_.keys}.hint(
            "Set keys = \"file:/path\" to make or prove them.");
    return config_.keys.substr(file_reference.size());
}

KeyRing App::read_keys() const {
    if (config_.keys.starts_with(file_reference) && !std::filesystem::exists(keys_file()))
        throw Error{Fault::missing, "there are no keys at " + keys_file().string()}
            .code("repository_missing", 10)
            .hint("Make a repository with varve init, or bring the keys of one that exists.");
    return KeyRing::parse(read_secret(config_.keys), config_.keys);
}

Task<> App::open() {
    auto keys = read_keys();
    copies_ = make_copies();
    repository_ = co_await Repository::open(copies_, std::move(keys), runtime_.pools());
    jobs_ = std::make_unique<JobContext>(
        JobContext{.repository = *repository_, .pools = runtime_.pools(), .clock = runtime_.clock(), .chance = make_chance()});
}

JobContext& App::jobs() {
    if (!jobs_) throw Error{Fault::defect, "the repository was not opened"};
    return *jobs_;
}

std::filesystem::path App::state_of(const SourceName& name) const {
    auto folder = name.text();
    std::ranges::replace(folder, '/', '+');  // names hold no '+': two sources never share a folder
    return config_.state_dir / "sources" / folder;
}

SourceSetup App::setup_of(const SourceSettings& settings) const {
    SourceSetup setup;
    setup.name = settings.name;
    setup.driver = settings.driver;
    setup.retention = settings.retention;
    setup.zone = config_.zone;
    setup.log = route_of(settings.log);
    setup.ship_interval = settings.ship_interval;
    setup.retain_at_source = settings.retain_at_source;
    setup.compression_level = settings.compression_level;
    // Beside the pipeline's buffers stand the log's, the lists and the program itself.
    setup.memory_max = config_.limits.memory * 3 / 4;
    setup.state_dir = state_of(settings.name);
    setup.settings = settings.settings;
    return setup;
}

Source& App::source(const SourceName& name) {
    auto& source = sources_[name];
    if (!source) {
        const auto setup = setup_of(config_.source(name));
        const DriverServices services{.pools = runtime_.pools(), .clock = runtime_.clock(), .state_dir = setup.state_dir};
        source = std::make_unique<Source>(
            Source{.setup = setup, .driver = driver_kind(setup.driver).make(name, setup.settings, services)});
    }
    return *source;
}

std::vector<Source*> App::all_sources() {
    std::vector<Source*> all;
    for (const auto& settings : config_.sources) all.push_back(&source(settings.name));
    return all;
}

std::vector<Source*> App::sources() {
    std::vector<Source*> enabled;
    for (const auto& settings : config_.sources)
        if (settings.enabled) enabled.push_back(&source(settings.name));
    return enabled;
}

}  // namespace varve
