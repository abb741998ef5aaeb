#include "format/header.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "format/big_endian.hpp"
#include "format/gcm.hpp"
#include "format/x25519.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t commit_bytes = 32;

bool carries_content(Role role) { return role == Role::restore || role == Role::escrow; }
std::size_t sealed_bytes(Role role) { return (carries_content(role) ? 2 : 1) * key_bytes + gcm_tag_bytes; }
std::size_t wrap_bytes(Role role) { return 1 + sizeof(KeyId) + sealed_bytes(role); }

Digest commit_of(const Secret& key) { return hmac_sha256(key.view(), view_of("varve/1 commit")); }

Secret wrapping_key(ByteView input, ByteView fixed_header, ByteView recipient) {
    Bytes info = to_bytes(view_of("varve/1 wrap"));
    append(info, recipient);
    auto bytes = hkdf_sha256(input, sha256(fixed_header.first(salted_header_bytes)), info, key_bytes);
    Secret key{bytes};
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return key;
}

void append_wrap(Bytes& header, Role role, const KeyId& recipient, const Secret& wrapping, const ObjectKeys& keys) {
    header.push_back(static_cast<std::uint8_t>(role));
    append(header, recipient);
    const auto place = header.size();
    header.resize(place + sealed_bytes(role));
    const auto content = carries_content(role) ? keys.content.view() : ByteView{};
    Gcm{Gcm::Way::seal, wrapping}.seal(0, {}, {content, keys.structure.view()}, header.data() + place);
}

}  // namespace

Bytes write_fixed_header(ObjectType type, const RepositoryId& repository, std::uint32_t header_bytes, const PublicKey& ephemeral,
                         std::uint8_t wraps) {
    Bytes header;
    header.reserve(header_bytes);
    append(header, object_magic);
    append_number(header, format_version);
    append_number(header, suite_1);
    append_number(header, static_cast<std::uint8_t>(type));
    append(header, repository);
    append_number(header, header_bytes);
    append(header, ephemeral);
    append_number(header, wraps);
    return header;
}

Bytes write_header(ObjectType type, const SealingContext& context, const ObjectKeys& keys) {
    std::size_t header_bytes = fixed_header_bytes + 2 * commit_bytes;
    for (const auto& recipient : context.recipients) header_bytes += wrap_bytes(recipient.role);
    if (context.own_structure) header_bytes += wrap_bytes(Role::archive);
    const auto wraps = context.recipients.size() + (context.own_structure ? 1 : 0);
    if (wraps == 0 || wraps > 255) throw Error{Fault::defect, "an object is sealed for 1 to 255 recipients"};

    const auto ephemeral = Secret::random();
    auto header = write_fixed_header(type, context.repository, static_cast<std::uint32_t>(header_bytes), x25519_public(ephemeral),
                                     static_cast<std::uint8_t>(wraps));
    for (const auto& recipient : context.recipients) {
        const auto shared = x25519_shared(ephemeral, recipient.key);
        if (!shared) throw Error{Fault::invalid, "a recipient's public key in config is not usable"};
        append_wrap(header, recipient.role, key_id_of(recipient.key), wrapping_key(shared->view(), header, recipient.key), keys);
    }
    if (context.own_structure) {
        const auto id = SourceKeys{.id = {}, .chunker = {}, .name = {}, .structure = *context.own_structure}.structure_id();
        append_wrap(header, Role::archive, id, wrapping_key(context.own_structure->view(), header, id), keys);
    }
    append(header, commit_of(keys.content));
    append(header, commit_of(keys.structure));
    return header;
}

ClearHeader parse_header(ByteView object) {
    auto refuse = [](const char* what) { return Error{Fault::corrupt, std::string{"the object's header is damaged: "} + what}; };
    if (object.size() < fixed_header_bytes) throw refuse("it is too short");
    if (!std::equal(object_magic.begin(), object_magic.end(), object.begin())) throw refuse("it is not an object of Varve");
    const auto version = number_at<std::uint16_t>(object.subspan(8));
    if (version != format_version || object[10] != suite_1) {
        throw Error{Fault::unsupported, "the object has format " + std::to_string(version) + ", suite " +
                                            std::to_string(object[10]) + "; this build reads format 1, suite 1"}
            .code("format_too_new", 14)
            .hint("Use a newer Varve.");
    }
    ClearHeader header;
    header.type = static_cast<ObjectType>(object[11]);
    std::copy_n(object.begin() + 12, header.repository.size(), header.repository.begin());
    const auto length = number_at<std::uint32_t>(object.subspan(28));
    if (length < fixed_header_bytes || length > object.size()) throw refuse("its length is wrong");
    header.whole = object.first(length);
    std::copy_n(object.begin() + 32, header.ephemeral.size(), header.ephemeral.begin());

    auto rest = header.whole.subspan(fixed_header_bytes);
    auto take = [&](std::size_t count) {
        if (rest.size() < count) throw refuse("a wrap is cut short");
        const auto taken = rest.first(count);
        rest = rest.subspan(count);
        return taken;
    };
    for (unsigned i = 0; i < object[64]; ++i) {
        const auto start = take(1 + sizeof(KeyId));
        if (start[0] < 1 || start[0] > 4) throw refuse("a wrap has an unknown role");
        Wrap wrap{
            .role = static_cast<Role>(start[0]), .recipient = {}, .sealed = take(sealed_bytes(static_cast<Role>(start[0])))};
        std::copy_n(start.begin() + 1, wrap.recipient.size(), wrap.recipient.begin());
        header.wraps.push_back(wrap);
    }
    if (header.type == ObjectType::config && rest.empty() && header.wraps.empty()) return header;
    header.content_commit = take(commit_bytes);
    header.structure_commit = take(commit_bytes);
    if (!rest.empty()) throw refuse("its length is wrong");
    return header;
}

namespace {

/// What opens wraps: an X25519 key pair, or a source's own-structure key.
struct Opener {
    const Secret* secret;
    std::optional<PublicKey> public_half;
    KeyId id;
};

std::vector<Opener> openers_of(const OpeningKeys& keys) {
    std::vector<Opener> openers;
    for (const auto& reader : keys.readers) {
        const auto half = x25519_public(reader);
        openers.push_back({.secret = &reader, .public_half = half, .id = key_id_of(half)});
    }
    if (keys.own_structure) {
        const SourceKeys own{.id = {}, .chunker = {}, .name = {}, .structure = *keys.own_structure};
        openers.push_back({.secret = &*keys.own_structure, .public_half = std::nullopt, .id = own.structure_id()});
    }
    return openers;
}

std::optional<OpenedKeys> find_keys_in(const ClearHeader& header, const Wrap& wrap, const Opener& opener) {
    if (opener.public_half.has_value() == (wrap.role == Role::archive)) return std::nullopt;
    std::optional<Secret> shared;
    if (opener.public_half) shared = x25519_shared(*opener.secret, header.ephemeral);
    if (opener.public_half && !shared) return std::nullopt;
    const auto input = shared ? shared->view() : opener.secret->view();
    const auto recipient = opener.public_half ? ByteView{*opener.public_half} : ByteView{opener.id};
    std::array<std::uint8_t, 2 * key_bytes> plain{};
    Gcm gcm{Gcm::Way::open, wrapping_key(input, header.whole, recipient)};
    if (!gcm.open(0, {}, wrap.sealed, plain.data())) return std::nullopt;
    const ByteView opened{plain.data(), wrap.sealed.size() - gcm_tag_bytes};
    OpenedKeys keys{.content = std::nullopt, .structure = Secret{opened.last(key_bytes)}};
    if (carries_content(wrap.role)) keys.content.emplace(opened.first(key_bytes));
    OPENSSL_cleanse(plain.data(), plain.size());
    return keys;
}

bool same(const Digest& computed, ByteView stored) {
    return stored.size() == computed.size() && CRYPTO_memcmp(computed.data(), stored.data(), computed.size()) == 0;
}

}  // namespace

OpenedKeys open_header(const ClearHeader& header, const OpeningKeys& keys) {
    const auto openers = openers_of(keys);
    auto find = [&](bool by_id, bool with_content) -> std::optional<OpenedKeys> {
        for (const auto& wrap : header.wraps) {
            for (const auto& opener : openers) {
                if (carries_content(wrap.role) != with_content || (by_id && wrap.recipient != opener.id)) continue;
                auto opened = find_keys_in(header, wrap, opener);
                if (opened) return opened;
                if (by_id) throw Error{Fault::corrupt, "the object's header is damaged: a wrap of our key does not open"};
            }
        }
        return std::nullopt;
    };
    auto opened = find(true, true);
    if (!opened) opened = find(true, false);
    if (!opened) {
        // No wrap names our keys. When one opens all the same, its key id was damaged.
        if (find(false, true) || find(false, false)) {
            throw Error{Fault::corrupt, "the object's header is damaged: a wrap names another key"};
        }
        throw Error{Fault::denied, "no key held here opens this object"}
            .hint("Use the keys file of this repository, or the recovery kit.")
            .code("wrong_key", 12);
    }
    const bool commits_hold = same(commit_of(opened->structure), header.structure_commit) &&
                              (!opened->content || same(commit_of(*opened->content), header.content_commit));
    if (!commits_hold) throw Error{Fault::corrupt, "the object's header is damaged: the keys in it are not the committed ones"};
    return std::move(*opened);
}

}  // namespace varve
