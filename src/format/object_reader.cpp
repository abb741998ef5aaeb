#include <algorithm>

#include "format.pb.h"
#include "format/big_endian.hpp"
#include "format/envelope.hpp"
#include "format/header.hpp"
#include "format/record.hpp"
#include "format/signing.hpp"
#include "varve/error.hpp"

namespace varve {

struct ObjectReader::State {
    State(ByteView whole, const ClearHeader& header, const OpenedKeys& keys)
        : object{whole}, structure_key{Gcm::Way::open, keys.structure}, binding{sha256(header.whole)} {
        if (keys.content) content_key.emplace(Gcm::Way::open, *keys.content);
    }

    /// Decrypts into `opened` and decodes into `into`.
    void open(Gcm& key, Part part, std::uint64_t number, ByteView sealed, Bytes& into) {
        if (sealed.size() < record_overhead_bytes) throw Error{Fault::corrupt, "a record is too short"};
        opened.resize(sealed.size() - gcm_tag_bytes);
        if (!key.open(number, binding.of(part, number), sealed, opened.data())) {
            throw Error{Fault::corrupt, "a record is not what was stored"};
        }
        decode_record(opened, into);
    }

    ByteView object;
    std::optional<Gcm> content_key;
    Gcm structure_key;
    RecordBinding binding;
    Bytes opened;  ///< reused
    Bytes structure;
    std::vector<RecordPlace> places;
};

namespace {

/// Where the structure record lies; it must end where the footer begins.
ByteView structure_record(ByteView object, std::size_t header_bytes, ObjectType type) {
    const auto tail = footer_bytes + (type == ObjectType::pack ? 0 : signature_bytes);
    if (object.size() < header_bytes + record_overhead_bytes + tail) throw Error{Fault::corrupt, "the object is cut short"};
    const auto end = object.size() - tail;
    const auto offset = number_at<std::uint64_t>(object.subspan(end));
    const auto length = number_at<std::uint32_t>(object.subspan(end + sizeof(std::uint64_t)));
    if (offset < header_bytes || offset > end || length != end - offset) {
        throw Error{Fault::corrupt, "the object's footer does not fit it"};
    }
    return object.subspan(offset, length);
}

std::vector<RecordPlace> places_of(const Bytes& structure, std::size_t from, std::size_t to) {
    format::AnyStructure table;
    if (!table.ParseFromArray(structure.data(), static_cast<int>(structure.size()))) {
        throw Error{Fault::corrupt, "the object's structure cannot be read"};
    }
    std::vector<RecordPlace> places;
    places.reserve(static_cast<std::size_t>(table.sealed_lengths_size()));
    for (const auto length : table.sealed_lengths()) {
        if (length < record_overhead_bytes || length > to - from)
            throw Error{Fault::corrupt, "the object's records do not fit it"};
        places.push_back({.number = static_cast<std::uint32_t>(places.size()),
                          .offset = static_cast<std::uint32_t>(from),
                          .sealed_length = length});
        from += length;
    }
    if (from != to) throw Error{Fault::corrupt, "the object's records do not fit it"};
    return places;
}

}  // namespace

ObjectReader::ObjectReader(ByteView object, ObjectType expected, const RepositoryId& repository, const OpeningKeys& keys) {
    if (object.size() > UINT32_MAX) throw Error{Fault::corrupt, "the object is larger than any object can be"};
    const auto header = parse_header(object);
    if (header.type != expected) throw Error{Fault::corrupt, "the object is of another type than its key says"};
    if (header.repository != repository) throw Error{Fault::corrupt, "the object belongs to another repository"};
    const auto record = structure_record(object, header.whole.size(), expected);
    auto state = std::make_unique<State>(object, header, open_header(header, keys));
    state->open(state->structure_key, Part::structure, 0, record, state->structure);
    state->places = places_of(state->structure, header.whole.size(), static_cast<std::size_t>(record.data() - object.data()));
    state_ = std::move(state);
}
ObjectReader::~ObjectReader() = default;
ObjectReader::ObjectReader(ObjectReader&&) noexcept = default;

bool ObjectReader::reads_content() const noexcept { return state_->content_key.has_value(); }
const Bytes& ObjectReader::structure() const noexcept { return state_->structure; }
std::uint32_t ObjectReader::records() const noexcept { return static_cast<std::uint32_t>(state_->places.size()); }

RecordPlace ObjectReader::place(std::uint32_t number) const {
    if (number >= state_->places.size()) throw Error{Fault::corrupt, "the object has no record " + std::to_string(number)};
    return state_->places[number];
}

Bytes ObjectReader::content(std::uint32_t number) const {
    Bytes plain;
    content_into(number, plain);
    return plain;
}

void ObjectReader::content_into(std::uint32_t number, Bytes& into) const {
    if (!state_->content_key) {
        throw Error{Fault::denied, "the keys held here open the structure of this object, not its content"}
            .hint("Reading content needs the restore key or the recovery kit.")
            .code("wrong_key", 12);
    }
    const auto where = place(number);
    state_->open(*state_->content_key, Part::content, number, state_->object.subspan(where.offset, where.sealed_length), into);
}

const TrustedSigner& ObjectReader::check_signature(std::span<const TrustedSigner> signers) const {
    return check_signature(signers, digests_of(state_->object).signed_part);
}

const TrustedSigner& ObjectReader::check_signature(std::span<const TrustedSigner> signers, const Digest& signed_part) const {
    return checked_signer(state_->object, signers, signed_part);
}

}  // namespace varve
