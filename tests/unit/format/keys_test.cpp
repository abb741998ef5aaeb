#include "format/keys.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "format/gcm.hpp"
#include "format/x25519.hpp"
#include "support/fault_of.hpp"

using namespace varve;

namespace {

Secret secret_of(const char* hex) { return Secret{from_hex(hex)}; }
template <class Array>
Array array_of(const char* hex) {
    const auto bytes = from_hex(hex);
    Array array{};
    REQUIRE(bytes.size() == array.size());
    std::copy(bytes.begin(), bytes.end(), array.begin());
    return array;
}

}  // namespace

TEST_CASE("X25519 gives what RFC 7748, section 6.1, says") {
    const auto alice = array_of<PublicKey>("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    const auto bob = secret_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");

    CHECK(to_hex(ByteView{x25519_public(bob)}) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const auto shared = x25519_shared(bob, alice);
    REQUIRE(shared);
    CHECK(to_hex(shared->view()) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("X25519 with a point of low order gives nothing") { CHECK_FALSE(x25519_shared(Secret::random(), PublicKey{})); }

TEST_CASE("Ed25519 gives what RFC 8032, section 7.1, says") {
    struct Row {
        const char *seed, *key, *message, *signature;
    };
    const auto row = GENERATE(values<Row>({{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                                            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                                            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
                                            "39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
                                           {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                                            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                                            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
                                            "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"}}));
    const auto seed = secret_of(row.seed);
    const auto message = from_hex(row.message);

    const auto signature = ed25519_sign(seed, message);

    CHECK(to_hex(ByteView{ed25519_public(seed)}) == row.key);
    CHECK(to_hex(ByteView{signature}) == row.signature);
    CHECK(ed25519_verify(ed25519_public(seed), message, signature));
    CHECK_FALSE(ed25519_verify(ed25519_public(seed), view_of("another"), signature));
    CHECK_FALSE(ed25519_verify(ed25519_public(Secret::random()), message, signature));
}

TEST_CASE("HKDF gives what RFC 5869, appendix A, says") {
    const auto derived = hkdf_sha256(from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                                     from_hex("000102030405060708090a0b0c"), from_hex("f0f1f2f3f4f5f6f7f8f9"), 42);

    CHECK(to_hex(derived) == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST_CASE("AES-256-GCM gives what NIST's test case 14 says") {
    const Secret zero;
    const Bytes plain(16, 0);
    Bytes sealed(32);

    Gcm{Gcm::Way::seal, zero}.seal(0, {}, {plain}, sealed.data());

    CHECK(to_hex(sealed) == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST_CASE("a source's keys differ from each other, from another source's and from another repository's") {
    const auto archive = Secret::random();
    RepositoryId here{1}, there{2};
    const auto keys = derive_source_keys(archive, here, SourceName{"pg/main"});
    const auto again = derive_source_keys(archive, here, SourceName{"pg/main"});
    auto text = [](const Secret& secret) { return to_hex(secret.view()); };

    CHECK(text(keys.id) == text(again.id));
    const std::set<std::string> different{text(keys.id),
                                          text(keys.chunker),
                                          text(keys.name),
                                          text(keys.structure),
                                          text(derive_source_keys(archive, here, SourceName{"pg/other"}).id),
                                          text(derive_source_keys(archive, there, SourceName{"pg/main"}).id),
                                          text(derive_source_keys(Secret::random(), here, SourceName{"pg/main"}).id)};
    CHECK(different.size() == 7);
}

TEST_CASE("names in object keys are those of the written format") {
    const auto archive = secret_of("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    const auto repository = array_of<RepositoryId>("101112131415161718191a1b1c1d1e1f");
    const auto keys = derive_source_keys(archive, repository, SourceName{"pg/main"});

    // Computed from the text of docs/repository-format.md with Python's hmac.
    CHECK(stored_name(keys, SourceName{"pg/main"}) == "b2e31f11b08d3020f9df32576754d04f");
    CHECK(stored_name(keys, LineageName{"pg/main"}) == "0ff5a33dd9ca3362f60871739f70c454");
}

TEST_CASE("a key ring reads what it printed, and holds only the roles it was given") {
    KeyRing ring;
    ring.repository = {1, 2, 3};
    ring.host_name = "db\"1\\";
    ring.archive = Secret::random();
    ring.host = Secret::random();

    const auto read = KeyRing::parse(ring.print(), "varve.keys");

    CHECK(read.repository == ring.repository);
    CHECK(read.host_name == ring.host_name);
    REQUIRE((read.archive && read.host));
    CHECK(to_hex(read.archive->view()) == to_hex(ring.archive->view()));
    CHECK(to_hex(read.host->view()) == to_hex(ring.host->view()));
    CHECK_FALSE((read.restore || read.maintain || read.escrow || read.admin));
    CHECK(fault_of([&] { read.require(read.restore, "restore", "reading a backup"); }) == Fault::denied);
}

TEST_CASE("a keys file that is not one is refused, and no key is in the message") {
    const std::string id(32, '0');
    const std::string start = "format = 1\nrepository = \"" + id + "\"\nhost_name = \"h\"\n";
    const std::string almost(63, 'a');
    struct Row {
        std::string text;
        Fault fault;
    };
    const std::vector<Row> rows{{"", Fault::invalid},
                                {"format = 1", Fault::invalid},
                                {"format = 2\n", Fault::unsupported},
                                {start, Fault::invalid},
                                {start + "[keys]\nrestore = \"" + almost + "\"", Fault::invalid},
                                {start + "[keys]\nrestore = \"" + almost + "g\"", Fault::invalid},
                                {start + "[keys]\nrestore = 1", Fault::invalid},
                                {start + "[keys]\nroot = \"" + almost + "a\"", Fault::invalid},
                                {start + "extra = 1\n[keys]\n", Fault::invalid},
                                {start + "[keys\n", Fault::invalid},
                                {"format = 1\nrepository = \"00\"\nhost_name = \"h\"\n[keys]\n", Fault::invalid}};
    for (const auto& row : rows) {
        CAPTURE(row.text);
        try {
            KeyRing::parse(row.text, "varve.keys");
            FAIL("it was read");
        } catch (const Error& error) {
            CHECK(error.fault() == row.fault);
            CHECK(error.sentence().find(almost) == std::string::npos);
        }
    }
}
