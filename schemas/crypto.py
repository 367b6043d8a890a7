"""Seal, open, sign, verify, derive: the few operations all keys are used for, on raw bytes.

Decides the algorithms, once: HPKE base mode (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
AES-256-GCM; AES-256-GCM for bulk; Ed25519; HKDF-SHA256. Does not decide which key is for what (bridge/keys.py,
streams/keys.py) and keeps none. All keys are 32 raw bytes.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # AES-GCM, NIST SP 800-38D section 5.2.1.1
TAG_BYTES: Final = 16
ENCAPSULATION_BYTES: Final = 32  # an X25519 public key, in front of what HPKE sealed
SIGNATURE_BYTES: Final = 64
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SALT: Final = b"sightline"


class Broken(ValueError):
    """Sealed bytes that do not open: another key, other associated data, or altered."""


class Aead:
    """AES-256-GCM under one key, with the key schedule kept.

    The caller gives every nonce and never the same one twice; see bridge/seal.py.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            error = f"expected a key of {KEY_BYTES} bytes, got {len(key)}"
            raise ValueError(error)
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "Aead(...)"

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Encrypt, and bind the associated data.

        Args:
            nonce: 12 bytes, never used before under this key.
            plaintext: What to hide.
            aad: What is bound but not hidden.

        Returns:
            Ciphertext, 16 bytes longer than the plaintext.
        """
        return self._cipher.encrypt(nonce, plaintext, aad)

    def open(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Decrypt.

        Args:
            nonce: As sealed.
            sealed: Ciphertext with its tag.
            aad: As sealed.

        Returns:
            The plaintext.

        Raises:
            Broken: It was not sealed with this key, nonce and associated data, or was altered.
        """
        try:
            return self._cipher.decrypt(nonce, sealed, aad)
        except (InvalidTag, ValueError, OverflowError):  # ValueError: a nonce or tag of the wrong size
            raise Broken("sealed bytes do not open") from None


def aead_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """`Aead.seal` with a key that is used once."""
    return Aead(key).seal(nonce, plaintext, aad)


def aead_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """`Aead.open` with a key that is used once."""
    return Aead(key).open(nonce, sealed, aad)


def hpke_keypair() -> tuple[bytes, bytes]:
    """A new X25519 pair.

    Returns:
        Private half, public half.
    """
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def hpke_public(private: bytes) -> bytes:
    """The public half of an X25519 private half."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def hpke_seal(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Seal to the holder of a private key; who sealed it is not proved, so sign where that matters.

    Args:
        public: The receiver's public half.
        plaintext: What to hide.
        info: What it is for; opening needs the same.

    Returns:
        Encapsulated key (32 bytes), then ciphertext with its tag (plaintext + 16 bytes).

    Raises:
        ValueError: The public half is not a usable X25519 key.
    """
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)


def hpke_open(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """Open what was sealed to this key.

    Args:
        private: The receiver's private half.
        sealed: As `hpke_seal` returned it.
        info: As sealed.

    Returns:
        The plaintext.

    Raises:
        Broken: It was sealed to another key or for another purpose, or was altered.
    """
    key = X25519PrivateKey.from_private_bytes(private)
    try:
        return _SUITE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError):  # ValueError: too short, or an encapsulated key of low order
        raise Broken("sealed bytes do not open") from None


def sign_keypair() -> tuple[bytes, bytes]:
    """A new Ed25519 pair.

    Returns:
        Private half, public half.
    """
    private = Ed25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def sign_public(private: bytes) -> bytes:
    """The public half of an Ed25519 private half."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign(private: bytes, message: bytes) -> bytes:
    """Sign with Ed25519; the same message has the same signature.

    Returns:
        64 bytes.
    """
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this key signed this message.

    Args:
        public: Public half; one that is not a key verifies nothing.
        message: What was signed.
        signature: 64 bytes; any other length verifies nothing.

    Returns:
        True only for a valid signature; never raises on bad bytes.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def derive(master: bytes, purpose: str, length: int = KEY_BYTES) -> bytes:
    """A subkey: another purpose gives an unrelated one.

    Args:
        master: Key to derive from, 32 bytes of full entropy.
        purpose: What the subkey is for.
        length: Bytes wanted, at most 8,160.

    Returns:
        HKDF-SHA256 output.

    Source:
        RFC 5869.
    """
    return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=purpose.encode()).derive(master)
