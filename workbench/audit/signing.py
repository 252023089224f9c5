"""Who sealed it: ed25519 signatures by a key file, checked with the public half alone."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MISSING = "signatures need the package cryptography; install it: pip install 'workbench[sign]'"


def signature(content: bytes, key: Path) -> str:
    """Sign bytes.

    Parameters
    ----------
    content : bytes
    key : Path
        A private ed25519 key as PEM without a password: ``openssl genpkey -algorithm ed25519 -out seal.pem``.

    Returns
    -------
    str
        Base64.

    Raises
    ------
    BadInput
        The key cannot be read, is of another kind, or ``cryptography`` is not installed.
    """
    return b64encode(_private(key).sign(content)).decode()


def is_signed(content: bytes, signed: str, public_key: Path) -> bool:
    """Whether a signature is that of the holder of a key; ``public_key`` is PEM, of the public half or of the whole.

    Raises
    ------
    BadInput
        The key cannot be read, is of another kind, or ``cryptography`` is not installed.
    """
    holder = _public(public_key)
    from cryptography.exceptions import InvalidSignature  # there, or the line above had said so

    try:
        holder.verify(b64decode(signed, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def canonical(document: dict[str, Any]) -> bytes:
    """Return the bytes of a document that are signed: sorted keys, no spaces, without its signature."""
    plain = {key: value for key, value in document.items() if key != "signature"}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError as error:
        raise BadInput(_MISSING) from error
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: expected a private ed25519 key as PEM, without a password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"{path}: expected an ed25519 key, found one of another kind")
    return key


def _public(path: Path) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ModuleNotFoundError as error:
        raise BadInput(_MISSING) from error
    try:
        content = path.read_bytes()
        if b"PRIVATE KEY" in content:
            return _private(path).public_key()
        key = load_pem_public_key(content)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: expected a public ed25519 key as PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(f"{path}: expected an ed25519 key, found one of another kind")
    return key
