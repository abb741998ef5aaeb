#include "format/config_object.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"

using namespace varve;

TEST_CASE("a config is clear, named by its hash, and counts only with an admin's signature") {
    const auto admin = Secret::random();
    const std::vector<PublicKey> admins{ed25519_public(Secret::random()), ed25519_public(admin)};
    format::RepositoryConfig config;
    config.set_repository_id(std::string(16, '\x07'));
    config.set_generation(1);

    const auto object = write_config(config, admin);

    CHECK(object.name == sha256(object.bytes));
    CHECK(parse_config(object.bytes).generation() == 1);
    CHECK_NOTHROW(check_config_signature(object.bytes, admins));
    CHECK(fault_of([&] { check_config_signature(object.bytes, std::span{admins}.first(1)); }) == Fault::denied);
    for (std::size_t at = 0; at < object.bytes.size(); ++at) {
        auto damaged = object.bytes;
        damaged[at] ^= 1;
        CAPTURE(at);
        CHECK_THROWS_AS((parse_config(damaged), check_config_signature(damaged, admins)), Error);
    }
}
