"""The algorithms are the ones we say, and what is altered or moved does not open."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas import crypto

KEY, NONCE = bytes(range(32)), bytes(range(12))


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(prk: bytes, info: bytes, size: int) -> bytes:
    out, block, number = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(prk, block + info + bytes([number]), "sha256")
        out, number = out + block, number + 1
    return out[:size]


def rfc9180_open(private: bytes, sealed: bytes, info: bytes, aead_id: int, aad: bytes, key_size: int) -> bytes:
    """HPKE base mode, one message, written from RFC 9180 sections 4 and 5 alone."""
    kem = b"KEM" + (0x20).to_bytes(2, "big")
    suite = b"HPKE" + (0x20).to_bytes(2, "big") + (1).to_bytes(2, "big") + aead_id.to_bytes(2, "big")

    def labeled_extract(id_: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return extract(salt, b"HPKE-v1" + id_ + label + ikm)

    def labeled_expand(id_: bytes, prk: bytes, label: bytes, context: bytes, size: int) -> bytes:
        return expand(prk, size.to_bytes(2, "big") + b"HPKE-v1" + id_ + label + context, size)

    enc, ciphertext = sealed[:32], sealed[32:]
    key = X25519PrivateKey.from_private_bytes(private)
    dh = key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + key.public_key().public_bytes_raw()
    shared = labeled_expand(kem, labeled_extract(kem, b"", b"eae_prk", dh), b"shared_secret", context, 32)
    schedule = (
        b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    )
    secret = labeled_extract(suite, shared, b"secret", b"")
    aead_key = labeled_expand(suite, secret, b"key", schedule, key_size)
    nonce = labeled_expand(suite, secret, b"base_nonce", schedule, 12)
    return AESGCM(aead_key).decrypt(nonce, ciphertext, aad)


def test_our_reading_of_rfc_9180_opens_its_test_vector() -> None:
    """Appendix A.1.1 (DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode), sequence number 0."""
    opened = rfc9180_open(
        bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
        bytes.fromhex(
            "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
            "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9"
            "6d8770ac83d07bea87e13c512a"
        ),
        bytes.fromhex("4f6465206f6e2061204772656369616e2055726e"),
        aead_id=1,
        aad=b"Count-0",
        key_size=16,
    )
    assert opened == b"Beauty is truth, truth beauty"


def test_what_we_seal_opens_by_rfc_9180_with_aes_256_gcm() -> None:
    private, public = crypto.hpke_keypair()
    sealed = crypto.hpke_seal(public, b"data key", b"purpose")
    assert rfc9180_open(private, sealed, b"purpose", aead_id=2, aad=b"", key_size=32) == b"data key"
    assert len(sealed) == crypto.ENCAPSULATION_BYTES + len(b"data key") + crypto.TAG_BYTES


def test_hpke_opens_only_with_the_key_and_purpose_it_was_sealed_for() -> None:
    private, public = crypto.hpke_keypair()
    other, _ = crypto.hpke_keypair()
    sealed = crypto.hpke_seal(public, b"data key", b"purpose")
    assert crypto.hpke_open(private, sealed, b"purpose") == b"data key"
    assert crypto.hpke_public(private) == public
    for wrong in [(other, sealed, b"purpose"), (private, sealed, b"other"), (private, sealed[:-1], b"purpose"),
                  (private, b"", b"purpose"), (private, bytes(32) + sealed[32:], b"purpose")]:  # fmt: skip
        with pytest.raises(crypto.Broken):
            crypto.hpke_open(*wrong)


def test_hpke_seals_each_time_anew() -> None:
    _, public = crypto.hpke_keypair()
    assert crypto.hpke_seal(public, b"k", b"") != crypto.hpke_seal(public, b"k", b"")


def test_aead_is_aes_256_gcm() -> None:
    """Test case 16 of the GCM specification (McGrew, Viega 2004)."""
    sealed = crypto.aead_seal(
        bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2),
        bytes.fromhex("cafebabefacedbaddecaf888"),
        bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
    )
    assert sealed.hex() == (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
    )


@pytest.mark.parametrize("change", ["key", "nonce", "sealed", "aad", "short", "short nonce"])
def test_sealed_bytes_open_only_as_they_were_sealed(change: str) -> None:
    aead = crypto.Aead(KEY)
    sealed = aead.seal(NONCE, b"plain", b"bound")
    assert aead.open(NONCE, sealed, b"bound") == b"plain"
    assert crypto.aead_open(KEY, NONCE, crypto.aead_seal(KEY, NONCE, b"plain", b"bound"), b"bound") == b"plain"
    cases = {
        "key": (crypto.Aead(bytes(32)), NONCE, sealed, b"bound"),
        "nonce": (aead, bytes(12), sealed, b"bound"),
        "sealed": (aead, NONCE, bytes([sealed[0] ^ 1]) + sealed[1:], b"bound"),
        "aad": (aead, NONCE, sealed, b"moved"),
        "short": (aead, NONCE, b"", b"bound"),
        "short nonce": (aead, b"n", sealed, b"bound"),
    }
    cipher, nonce, data, aad = cases[change]
    with pytest.raises(crypto.Broken):
        cipher.open(nonce, data, aad)


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        crypto.Aead(bytes(16))


def test_a_cipher_does_not_print_its_key() -> None:
    assert KEY.hex() not in repr(crypto.Aead(KEY))


def test_a_signature_is_of_one_key_and_one_message() -> None:
    private, public = crypto.sign_keypair()
    signature = crypto.sign(private, b"message")
    assert len(signature) == crypto.SIGNATURE_BYTES
    assert crypto.sign_public(private) == public
    assert crypto.verify(public, b"message", signature)
    assert not crypto.verify(public, b"other", signature)
    assert not crypto.verify(crypto.sign_keypair()[1], b"message", signature)
    assert not crypto.verify(public, b"message", signature[:-1])
    assert not crypto.verify(public, b"message", b"")
    assert not crypto.verify(b"not a key", b"message", signature)


def test_derive_is_hkdf_sha256() -> None:
    expected = expand(extract(b"sightline", KEY), b"purpose", 40)
    assert crypto.derive(KEY, "purpose", 40) == expected
    assert hashlib.sha256(KEY).digest() != crypto.derive(KEY, "purpose")


def test_another_purpose_gives_another_key() -> None:
    assert len({crypto.derive(KEY, purpose) for purpose in ("bits", "bits ", "tokens", "")}) == 4
