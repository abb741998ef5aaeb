#include "repository/object_keys.hpp"

#include <catch2/catch.hpp>

using namespace varve;

namespace {

const std::string folder(32, 'a'), lineage(32, 'b');
const Digest digest = sha256(view_of("x"));
const Instant start = from_rfc3339("2026-11-23T02:00:00Z");

}  // namespace

TEST_CASE("an object key reads back as what it was made of") {
    const auto backup = find_backup_key(backup_key(folder, start, "dwm", digest));
    REQUIRE(backup);
    CHECK((backup->folder == folder && backup->start == start && backup->tiers == "dwm" && backup->name == digest));

    const auto log = find_log_key(log_key(folder, lineage, 0x16B3748, UINT64_MAX, start, digest));
    REQUIRE(log);
    CHECK((log->folder == folder && log->lineage == lineage && log->from == 0x16B3748 && log->to == UINT64_MAX));
    CHECK((log->last_commit == start && log->name == digest));

    const auto pack = find_pack_key(pack_key(folder, "202611m", digest));
    REQUIRE(pack);
    CHECK((pack->folder == folder && pack->month_and_tier == "202611m" && pack->name == digest));

    const auto config = find_config_key(config_key(12, digest));
    REQUIRE(config);
    CHECK((config->generation == 12 && config->name == digest));

    const auto note = find_statement_key("note", statement_key("note", folder, start, digest));
    REQUIRE(note);
    CHECK((note->folder == folder && note->time == start && note->name == digest));
    CHECK_FALSE(find_statement_key("evidence", statement_key("note", folder, start, digest)));
}

TEST_CASE("keys look as docs/repository-format.md writes them") {
    const auto hash = to_hex(digest);

    CHECK(backup_key(folder, start, "dw", digest).text() == "backup/" + folder + "/20261123T020000Z-dw-" + hash);
    CHECK(log_key(folder, lineage, 0x16B3748, 0x16B4000, start, digest).text() ==
          "log/" + folder + "/" + lineage + "/00000000016b3748-00000000016b4000-20261123T020000Z-" + hash);
    CHECK(pack_key(folder, "202611d", digest).text() == "pack/" + folder + "/202611d/" + hash);
    CHECK(config_key(1, digest).text() == "config/00000001-" + hash);
    CHECK(statement_key("evidence", folder, start, digest).text() == "evidence/" + folder + "/20261123T020000Z-" + hash);
    CHECK(backup_id(start, digest).text() == "20261123T020000Z-" + hash.substr(0, 8));
}

TEST_CASE("a key that is not exactly of the format is not read") {
    const auto hash = to_hex(digest);
    const auto end = "-" + hash;
    const auto bad = GENERATE_COPY(values<std::string>({
        "",
        "backup/",
        "backup/" + folder + "/20261123T020000Z-d",
        "backup/" + folder + "/20261123T020000Z-d" + end + "0",
        "backup/" + folder + "/20261123T020000Z-d" + end.substr(0, 64),
        "backup/" + folder + "/20261123T020000Z-w" + end,
        "backup/" + folder + "/20261123T020000Z-dmw" + end,
        "backup/" + folder + "/20261123T020000Z-" + end,
        "backup/" + folder + "/20261323T020000Z-d" + end,
        "backup/" + folder + "/20261123T020000-d" + end,
        "backup/" + folder + "x/20261123T020000Z-d" + end,
        "backup/" + std::string(32, 'A') + "/20261123T020000Z-d" + end,
        "backup/" + folder.substr(1) + "/20261123T020000Z-d" + end,
        "log/" + folder + "/" + lineage + "/00000000016b3748-00000000016b4000" + end,
        "log/" + folder + "/" + lineage + "/00000000016B3748-00000000016b4000-20261123T020000Z" + end,
        "log/" + folder + "/" + lineage + "/-0000000016b3748-00000000016b4000-20261123T020000Z" + end,
        "log/" + folder + "/" + lineage + "/00000000016b4000-00000000016b3748-20261123T020000Z" + end,
        "pack/" + folder + "/202611x/" + hash,
        "pack/" + folder + "/2026-1d/" + hash,
        "pack/" + folder + "/202611d/" + hash + "/",
        "config/1" + end,
        "config/0000000a" + end,
        "note/" + folder + "/20261123T020000Z" + end + "\n",
    }));
    CAPTURE(bad);
    const ObjectKey key{bad};

    CHECK_FALSE(find_backup_key(key));
    CHECK_FALSE(find_log_key(key));
    CHECK_FALSE(find_pack_key(key));
    CHECK_FALSE(find_config_key(key));
    CHECK_FALSE(find_statement_key("note", key));
}

TEST_CASE("only a name that ends in a whole lower-case SHA-256 has a digest") {
    const auto hash = to_hex(digest);

    CHECK(digest_of(ObjectKey{"a/" + hash}) == digest);
    CHECK(digest_of(ObjectKey{"a-" + hash}) == digest);
    CHECK_FALSE(digest_of(ObjectKey{hash}));
    CHECK_FALSE(digest_of(ObjectKey{"a" + hash}));
    CHECK_FALSE(digest_of(ObjectKey{"a/" + hash.substr(1)}));
    CHECK_FALSE(digest_of(ObjectKey{"a/" + hash.substr(0, 63) + "F"}));
}
