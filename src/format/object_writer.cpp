#include <openssl/evp.h>

#include <algorithm>

#include "format/big_endian.hpp"
#include "format/envelope.hpp"
#include "format/header.hpp"
#include "format/record.hpp"
#include "format/signing.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr int structure_level = 3;

}  // namespace

struct ObjectWriter::State {
    State(ObjectType object_type, const SealingContext& context, std::size_t bytes_max, const ObjectKeys& keys)
        : type{object_type},
          signer{object_type == ObjectType::pack ? std::nullopt : context.signer},
          content{Gcm::Way::seal, keys.content},
          structure{Gcm::Way::seal, keys.structure} {
        bytes.reserve(bytes_max);
        append(bytes, write_header(type, context, keys));
        binding.emplace(sha256(bytes));
    }

    /// Appends a sealed record: encrypts `body` straight into the object.
    void seal(Gcm& key, Part part, std::uint64_t number, std::uint8_t codec, std::uint32_t plain_length, ByteView body) {
        const auto place = bytes.size();
        bytes.resize(place + body.size() + record_overhead_bytes);
        key.seal(number, binding->of(part, number), {record_prefix(codec, plain_length), body}, bytes.data() + place);
    }

    RecordPlace add(std::uint8_t codec, std::size_t plain_length, ByteView body) {
        const auto offset = bytes.size();
        if (plain_length > record_plain_bytes_max) throw Error{Fault::defect, "a record of more than 64 MiB"};
        if (offset + body.size() + record_overhead_bytes > UINT32_MAX) throw Error{Fault::defect, "an object of more than 4 GiB"};
        const auto number = static_cast<std::uint32_t>(sealed_lengths.size());
        seal(content, Part::content, number, codec, static_cast<std::uint32_t>(plain_length), body);
        sealed_lengths.push_back(static_cast<std::uint32_t>(bytes.size() - offset));
        return {.number = number, .offset = static_cast<std::uint32_t>(offset), .sealed_length = sealed_lengths.back()};
    }

    ObjectType type;
    std::optional<Secret> signer;
    Gcm content;
    Gcm structure;
    std::optional<RecordBinding> binding;
    Bytes bytes;
    Bytes encoded;  ///< reused
    std::vector<std::uint32_t> sealed_lengths;
};

ObjectWriter::ObjectWriter(ObjectType type, const SealingContext& context, std::size_t bytes_max) {
    if (type != ObjectType::pack && !context.signer) throw Error{Fault::defect, "only packs are stored without a signature"};
    const ObjectKeys keys{.content = Secret::random(), .structure = Secret::random()};
    state_ = std::make_unique<State>(type, context, bytes_max, keys);
}
ObjectWriter::~ObjectWriter() = default;
ObjectWriter::ObjectWriter(ObjectWriter&&) noexcept = default;
ObjectWriter& ObjectWriter::operator=(ObjectWriter&&) noexcept = default;

RecordPlace ObjectWriter::add(ByteView plain, int level) {
    auto& encoded = state_->encoded;
    const auto room = encode_room(plain.size());
    if (level != 0 && encoded.size() < room) encoded.resize(room);
    const auto length = compress_block(plain, level, encoded);
    if (length == 0) return state_->add(codec_raw, plain.size(), plain);
    return state_->add(codec_zstd, plain.size(), ByteView{encoded}.first(length));
}

RecordPlace ObjectWriter::add_encoded(std::uint8_t codec, std::uint32_t plain_length, ByteView encoded) {
    return state_->add(codec, plain_length, encoded);
}

std::size_t ObjectWriter::size() const noexcept { return state_->bytes.size(); }
std::uint32_t ObjectWriter::records() const noexcept { return static_cast<std::uint32_t>(state_->sealed_lengths.size()); }
const std::vector<std::uint32_t>& ObjectWriter::sealed_lengths() const noexcept { return state_->sealed_lengths; }

std::size_t ObjectWriter::finished_size(std::size_t structure_bytes) const noexcept {
    return size() + structure_bytes + record_overhead_bytes + footer_bytes + (state_->signer ? signature_bytes : 0);
}

SealedObject ObjectWriter::finish(ByteView structure) {
    const auto state = std::move(state_);
    auto& bytes = state->bytes;
    const std::uint64_t offset = bytes.size();
    if (structure.size() > record_plain_bytes_max) throw Error{Fault::defect, "a structure of more than 64 MiB"};
    // A pack's structure is digests: it would not shrink.
    const auto codec = encode_block(structure, state->type == ObjectType::pack ? 0 : structure_level, state->encoded);
    state->seal(state->structure, Part::structure, 0, codec, static_cast<std::uint32_t>(structure.size()), state->encoded);
    append_number(bytes, offset);
    append_number(bytes, static_cast<std::uint32_t>(bytes.size() - sizeof(std::uint64_t) - offset));
    SealedObject object{.bytes = std::move(bytes), .name = {}};
    object.name = state->signer ? sign_and_name(object.bytes, *state->signer) : sha256(object.bytes);
    return object;
}

}  // namespace varve
