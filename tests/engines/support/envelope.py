"""Tries keys on a stored object, from docs/repository-format.md alone: sections 2 to 4."""
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def wraps(data):
    """(role, key id, sealed) of each recipient, and the salt."""
    count, at, found = data[64], 65, []
    for _ in range(count):
        role = data[at]
        size = 80 if role in (1, 4) else 48
        found.append((role, data[at + 1:at + 9], data[at + 9:at + 9 + size]))
        at += 9 + size
    return found, hashlib.sha256(data[:64]).digest(), data[at:at + 32]


def content_opens(data, candidates):
    """Whether any candidate is a private key that gives this object's content key, or is the content key."""
    recipients, salt, commit = wraps(data)
    ephemeral = X25519PublicKey.from_public_bytes(data[32:64])
    for candidate in candidates:
        if hmac.digest(candidate, b"varve/1 commit", "sha256") == commit:
            return True
        private = X25519PrivateKey.from_private_bytes(candidate)
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        for role, key_id, sealed in recipients:
            if hashlib.sha256(public).digest()[:8] != key_id or role not in (1, 4):
                continue
            key = HKDF(hashes.SHA256(), 32, salt, b"varve/1 wrap" + public).derive(private.exchange(ephemeral))
            try:
                keys = AESGCM(key).decrypt(bytes(12), sealed, None)
            except InvalidTag:
                continue
            if hmac.digest(keys[:32], b"varve/1 commit", "sha256") == commit:
                return True
    return False
