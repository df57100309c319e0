"""Signatures with a key that need not be on the machine that builds: DSSE envelopes and PEM keys.

Ed25519 or ECDSA on P-256, of which the first is what `new_key` makes. The envelope is DSSE's
(in-toto), which says what kind of document is signed; cosign, slsa-verifier and in-toto read it.
"""

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from kopfkit.errors import KopfkitError

PAYLOAD = "application/vnd.in-toto+json"
Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


def new_key(passphrase: bytes | None) -> tuple[bytes, bytes]:
    """A new Ed25519 key: the private one (encrypted if there is a passphrase) and the public one,
    both as PEM."""
    key = ed25519.Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return private, _pem(key.public_key())


def private_key(path: Path, passphrase: bytes | None) -> Private:
    """The private key in a PEM file.

    Raises KopfkitError if it cannot be read, the passphrase is wrong, or it is of another kind.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise KopfkitError(
            f"key {path}", f"cannot be read ({error.strerror})", "kopfkit release key makes one."
        ) from None
    except (ValueError, TypeError) as error:
        raise KopfkitError(
            f"key {path}",
            f"cannot be used ({error})",
            "Is it a PEM file with a private key, and KOPFKIT_KEY_PASSPHRASE its passphrase?",
        ) from None
    if not isinstance(key, Private):
        raise KopfkitError(f"key {path}", "is neither Ed25519 nor ECDSA", "Use one of these.")
    return key


def public_key(path: Path) -> Public:
    """The public key in a PEM file. Raises KopfkitError if it is none."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KopfkitError(f"public key {path}", f"cannot be used ({error})") from None
    if not isinstance(key, Public):
        raise KopfkitError(f"public key {path}", "is neither Ed25519 nor ECDSA")
    return key


def envelope(statement: bytes, key: Private) -> bytes:
    """The DSSE envelope of an in-toto statement."""
    signed = _pae(statement)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(signed)
    else:
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    value = {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(statement).decode(),
        "signatures": [
            {"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}
        ],
    }
    return json.dumps(value, indent=2).encode() + b"\n"


def opened(data: bytes, key: Public) -> dict[str, Any]:
    """The statement in an envelope that the key signed.

    Raises KopfkitError if it is no envelope, or no signature in it is the key's.
    """
    try:
        value = json.loads(data)
        payload = base64.b64decode(value["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in value["signatures"]]
        kind = value["payloadType"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise KopfkitError("the signature", f"is not a DSSE envelope ({error})") from None
    if kind != PAYLOAD or not any(_holds(key, one, _pae(payload)) for one in signatures):
        raise KopfkitError(
            "the signature",
            "is not by this key, or what it signs was changed",
            "Do not use the release; get it, and the key, from where they are published.",
        )
    statement = json.loads(payload)
    if not isinstance(statement, dict):
        raise KopfkitError("the signature", "signs no statement")
    return statement


def key_id(key: Public) -> str:
    """The name of a key: the SHA-256 of its public form (SubjectPublicKeyInfo, DER)."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def _holds(key: Public, signature: bytes, signed: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _pae(payload: bytes) -> bytes:
    """What is really signed (DSSE's pre-authentication encoding): kind and length stand in it."""
    return b" ".join(
        (
            b"DSSEv1",
            str(len(PAYLOAD)).encode(),
            PAYLOAD.encode(),
            str(len(payload)).encode(),
            payload,
        )
    )


def _pem(key: Public) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
