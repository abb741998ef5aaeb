#include "format/envelope.hpp"

#include <catch2/catch.hpp>

#include "format.pb.h"
#include "support/fault_of.hpp"

using namespace varve;

namespace {

/// One repository's keys, and objects sealed for them.
struct Desk {
    RepositoryId repository{1, 2, 3, 4};
    Secret restore = Secret::random(), maintain = Secret::random(), escrow = Secret::random(), host = Secret::random();
    SourceKeys source = derive_source_keys(Secret::random(), repository, SourceName{"pg/main"});
    SealingContext context{.repository = repository,
                           .recipients = {{Role::restore, x25519_public(restore)},
                                          {Role::maintain, x25519_public(maintain)},
                                          {Role::escrow, x25519_public(escrow)}},
                           .own_structure = source.structure,
                           .signer = host};
    std::vector<TrustedSigner> signers{{.key = ed25519_public(host), .sources = {"*"}}};

    OpeningKeys reader(const Secret& key) const { return {.readers = {key}, .own_structure = std::nullopt}; }
    OpeningKeys own() const { return {.readers = {}, .own_structure = source.structure}; }
    OpeningKeys everything() const { return {.readers = {maintain, escrow, restore}, .own_structure = source.structure}; }

    SealedObject object(ObjectType type, const std::vector<Bytes>& contents, int level = 3) const {
        ObjectWriter writer{type, context, 4096};
        for (const auto& content : contents) writer.add(content, level);
        format::AnyStructure structure;
        structure.mutable_sealed_lengths()->Assign(writer.sealed_lengths().begin(), writer.sealed_lengths().end());
        structure.set_host("db1");
        return writer.finish(view_of(structure.SerializeAsString()));
    }
};

const std::vector<Bytes> contents{Bytes(5000, 'a'), to_bytes(view_of("short")), Bytes{}};

/// Everything a reader with all keys can look at.
void read_all(const Desk& desk, ByteView object, ObjectType type, const OpeningKeys& keys) {
    const ObjectReader reader{object, type, desk.repository, keys};
    if (type != ObjectType::pack) reader.check_signature(desk.signers);
    for (std::uint32_t i = 0; reader.reads_content() && i < reader.records(); ++i) reader.content(i);
}

}  // namespace

TEST_CASE("an object gives back what was sealed, to restore and to escrow") {
    const Desk desk;
    const auto type = GENERATE(ObjectType::pack, ObjectType::manifest, ObjectType::log);
    const auto level = GENERATE(0, 3);
    const auto object = desk.object(type, contents, level);

    CHECK(object.name == sha256(object.bytes));
    for (const auto& key : {desk.restore, desk.escrow}) {
        const ObjectReader reader{object.bytes, type, desk.repository, desk.reader(key)};
        REQUIRE(reader.reads_content());
        REQUIRE(reader.records() == contents.size());
        for (std::uint32_t i = 0; i < reader.records(); ++i) CHECK(reader.content(i) == contents[i]);
        CHECK(fault_of([&] { reader.content(3); }) == Fault::corrupt);
    }
}

TEST_CASE("maintain and the source's own key read the structure and not the content") {
    const Desk desk;
    const auto object = desk.object(ObjectType::manifest, contents);
    for (const auto& keys : {desk.reader(desk.maintain), desk.own()}) {
        const ObjectReader reader{object.bytes, ObjectType::manifest, desk.repository, keys};

        format::AnyStructure structure;
        REQUIRE(structure.ParseFromArray(reader.structure().data(), static_cast<int>(reader.structure().size())));
        CHECK(structure.host() == "db1");
        CHECK(reader.check_signature(desk.signers).sources == std::vector<std::string>{"*"});
        CHECK_FALSE(reader.reads_content());
        CHECK(fault_of([&] { reader.content(0); }) == Fault::denied);
    }
}

TEST_CASE("keys of another repository or source open nothing") {
    const Desk desk, other;
    const auto object = desk.object(ObjectType::manifest, contents);
    const auto neighbour = derive_source_keys(Secret::random(), desk.repository, SourceName{"pg/main"});
    for (const auto& keys :
         {other.everything(), OpeningKeys{}, OpeningKeys{.readers = {}, .own_structure = neighbour.structure}}) {
        CHECK(fault_of([&] { ObjectReader(object.bytes, ObjectType::manifest, desk.repository, keys); }) == Fault::denied);
    }
}

TEST_CASE("an object of another type or repository is refused") {
    const Desk desk;
    const auto object = desk.object(ObjectType::manifest, contents);

    CHECK(fault_of([&] { ObjectReader(object.bytes, ObjectType::log, desk.repository, desk.everything()); }) == Fault::corrupt);
    CHECK(fault_of([&] { ObjectReader(object.bytes, ObjectType::manifest, RepositoryId{9}, desk.everything()); }) ==
          Fault::corrupt);
}

TEST_CASE("a flipped bit anywhere in an object is found by whoever reads it all") {
    const Desk desk;
    const auto type = GENERATE(ObjectType::pack, ObjectType::manifest);
    const auto object = desk.object(type, {to_bytes(view_of("first")), Bytes(200, 'z')});
    const auto end = object.bytes.size();
    for (std::size_t at = 0; at < end; ++at) {
        auto damaged = object.bytes;
        damaged[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
        CAPTURE(at, end);

        const auto fault = fault_of([&] { read_all(desk, damaged, type, desk.reader(desk.restore)); });

        const bool version_or_suite = at >= 8 && at <= 10;
        const bool signer_id = type == ObjectType::manifest && at >= end - 72 && at < end - 64;
        CHECK(fault == (version_or_suite ? Fault::unsupported : signer_id ? Fault::denied : Fault::corrupt));
    }
}

TEST_CASE("a flipped bit in the header or the structure is found by whoever reads only the structure") {
    const Desk desk;
    const auto object = desk.object(ObjectType::pack, {to_bytes(view_of("content"))});
    const std::size_t header = 421, content = 7 + 21;
    for (std::size_t at = 0; at < object.bytes.size(); ++at) {
        auto damaged = object.bytes;
        damaged[at] ^= 0x40;
        CAPTURE(at);
        if (at >= header && at < header + content) {
            CHECK_NOTHROW(read_all(desk, damaged, ObjectType::pack, desk.reader(desk.maintain)));
        } else {
            const auto fault = fault_of([&] { read_all(desk, damaged, ObjectType::pack, desk.reader(desk.maintain)); });
            CHECK((fault == Fault::corrupt || (fault == Fault::unsupported && at >= 8 && at <= 10)));
        }
    }
}

TEST_CASE("an object cut anywhere is corrupt") {
    const Desk desk;
    const auto type = GENERATE(ObjectType::pack, ObjectType::manifest);
    const auto object = desk.object(type, {to_bytes(view_of("first")), to_bytes(view_of("second"))});
    for (std::size_t length = 0; length < object.bytes.size(); ++length) {
        CAPTURE(length);
        CHECK(fault_of([&] { read_all(desk, ByteView{object.bytes}.first(length), type, desk.everything()); }) == Fault::corrupt);
    }
}

TEST_CASE("records that change places are found") {
    const Desk desk;
    auto object = desk.object(ObjectType::pack, {to_bytes(view_of("one")), to_bytes(view_of("two"))}, 0);
    const std::size_t header = 421, record = 3 + 21;

    std::swap_ranges(object.bytes.begin() + header, object.bytes.begin() + header + record,
                     object.bytes.begin() + header + record);

    const ObjectReader reader{object.bytes, ObjectType::pack, desk.repository, desk.everything()};
    CHECK(fault_of([&] { reader.content(0); }) == Fault::corrupt);
}

TEST_CASE("sealed lengths that do not fill the object are refused") {
    const Desk desk;
    const auto lengths =
        GENERATE(std::vector<std::uint32_t>{}, std::vector<std::uint32_t>{26, 26}, std::vector<std::uint32_t>{25},
                 std::vector<std::uint32_t>{27}, std::vector<std::uint32_t>{20, 6}, std::vector<std::uint32_t>{UINT32_MAX, 27});
    ObjectWriter writer{ObjectType::pack, desk.context, 0};
    REQUIRE(writer.add(view_of("whole"), 0).sealed_length == 26);
    format::AnyStructure structure;
    structure.mutable_sealed_lengths()->Assign(lengths.begin(), lengths.end());
    const auto object = writer.finish(view_of(structure.SerializeAsString()));

    CHECK(fault_of([&] { ObjectReader(object.bytes, ObjectType::pack, desk.repository, desk.everything()); }) == Fault::corrupt);
}

TEST_CASE("a signature by a key that config does not name is denied, and one over other bytes is corrupt") {
    const Desk desk, other;
    const auto object = desk.object(ObjectType::note, {});
    const ObjectReader reader{object.bytes, ObjectType::note, desk.repository, desk.everything()};

    CHECK_NOTHROW(reader.check_signature(desk.signers));
    CHECK(fault_of([&] { reader.check_signature(other.signers); }) == Fault::denied);
    CHECK(fault_of([&] { reader.check_signature({}); }) == Fault::denied);
}

TEST_CASE("only packs are stored without a signature") {
    Desk desk;
    desk.context.signer.reset();

    CHECK_NOTHROW(desk.object(ObjectType::pack, contents));
    CHECK(fault_of([&] { desk.object(ObjectType::manifest, contents); }) == Fault::defect);
}

TEST_CASE("no two objects of the same content are alike") {
    const Desk desk;

    CHECK(desk.object(ObjectType::pack, contents).bytes != desk.object(ObjectType::pack, contents).bytes);
}

TEST_CASE("the finished size is known before the object is finished") {
    const Desk desk;
    const auto type = GENERATE(ObjectType::pack, ObjectType::manifest);
    ObjectWriter writer{type, desk.context, 0};
    const auto first = writer.add(view_of("abc"), 0);
    const auto second = writer.add(Bytes(100000, 'x'), 3);
    format::PackStructure structure;
    structure.mutable_sealed_lengths()->Assign(writer.sealed_lengths().begin(), writer.sealed_lengths().end());
    const auto message = structure.SerializeAsString();

    CHECK(second.offset == first.offset + first.sealed_length);
    CHECK(writer.size() == second.offset + second.sealed_length);
    CHECK(second.sealed_length < 1000);
    const auto expected = writer.finished_size(message.size());
    CHECK(writer.finish(view_of(message)).bytes.size() == expected);
}

TEST_CASE("a block that does not shrink by 3 % stays as it is") {
    Bytes noise(100000);
    random_bytes(noise);
    Bytes into;

    CHECK(encode_block(noise, 3, into) == 0);
    CHECK(into == noise);
    CHECK(encode_block(Bytes(100000, 'a'), 3, into) == 1);
    CHECK(into.size() < 200);
    CHECK(encode_block(Bytes(100000, 'a'), 0, into) == 0);
    CHECK(encode_block({}, 3, into) == 0);
    CHECK(into.empty());
}

TEST_CASE("a pre-encoded block is read back like one the writer encoded") {
    const Desk desk;
    const Bytes plain(70000, 'q');
    Bytes encoded;
    const auto codec = encode_block(plain, 3, encoded);
    ObjectWriter writer{ObjectType::pack, desk.context, 0};
    writer.add_encoded(codec, 70000, encoded);
    format::PackStructure structure;
    structure.add_sealed_lengths(writer.sealed_lengths()[0]);
    const auto object = writer.finish(view_of(structure.SerializeAsString()));

    CHECK(ObjectReader(object.bytes, ObjectType::pack, desk.repository, desk.everything()).content(0) == plain);
}

TEST_CASE("a record whose inner length lies is corrupt, however it was sealed") {
    const Desk desk;
    Bytes encoded;
    encode_block(Bytes(70000, 'q'), 3, encoded);
    struct Row {
        std::uint8_t codec;
        std::uint32_t plain_length;
        Fault fault;
    };
    const auto row = GENERATE(values<Row>({{1, 69999, Fault::corrupt},
                                           {1, 70001, Fault::corrupt},
                                           {1, 0, Fault::corrupt},
                                           {0, 70000, Fault::corrupt},
                                           {2, 70000, Fault::unsupported}}));
    ObjectWriter writer{ObjectType::pack, desk.context, 0};
    writer.add_encoded(row.codec, row.plain_length, encoded);
    format::PackStructure structure;
    structure.add_sealed_lengths(writer.sealed_lengths()[0]);
    const auto object = writer.finish(view_of(structure.SerializeAsString()));
    const ObjectReader reader{object.bytes, ObjectType::pack, desk.repository, desk.everything()};

    CAPTURE(int{row.codec}, row.plain_length);
    CHECK(fault_of([&] { reader.content(0); }) == row.fault);
}

TEST_CASE("a record of more than 64 MiB is not sealed, and one that claims it is not read") {
    const Desk desk;
    ObjectWriter writer{ObjectType::pack, desk.context, 0};

    CHECK(fault_of([&] { writer.add_encoded(1, (64u << 20) + 1, view_of("x")); }) == Fault::defect);
}
