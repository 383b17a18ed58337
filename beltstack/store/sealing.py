"""Secrets at rest: sealed with AES-256-GCM, bound to the row they belong to, so that moved ciphertext does not open."""

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_FILE = "secret.key"


class SecretKeyProblem(Exception):
    """The key for sealing secrets is missing, malformed or readable by others; the message says what to do."""


class SealBroken(Exception):
    """What was sealed does not open here: another key, another row, or changed bytes."""


class Sealer:
    """Seals with the current key and opens with any it holds, so that keys can be changed without a stop."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys:
            raise SecretKeyProblem(f"There is no key '{current}' among those given.")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise SecretKeyProblem(f"A key is {KEY_BYTES} bytes long.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current

    @classmethod
    def of_key(cls, text: str) -> Self:
        """From base64 of 32 bytes, as in BELTSTACK_SECRET_KEY; several with commas between, the current one first."""
        keys = [_decoded(part) for part in text.split(",")]
        by_id = {_id_of(key): key for key in keys}
        return cls(by_id, _id_of(keys[0]))

    @classmethod
    def of_folder(cls, data_dir: Path) -> Self:
        """From the data folder's own key, made at the first call, for its owner's eyes only."""
        path = data_dir / KEY_FILE
        try:
            if not path.exists():
                _make(path)
            if path.stat().st_mode & 0o077:
                raise SecretKeyProblem(
                    f"Others may read {path}. Run `chmod 600` on it, and treat what it sealed as known."
                )
            return cls.of_key(path.read_text("ascii").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise SecretKeyProblem(f"The key for stored secrets, {path}, cannot be used: {error}.") from error

    def seal(self, data: Mapping[str, Any], *, tenant_id: UUID, plugin_id: str, row_id: UUID) -> bytes:
        """JSON-able data to bytes that open only for the same tenant, plugin and row."""
        nonce = os.urandom(NONCE_BYTES)
        plain = json.dumps(data, separators=(",", ":")).encode()
        sealed = self._ciphers[self._current].encrypt(nonce, plain, _bound_to(tenant_id, plugin_id, row_id))
        name = self._current.encode("ascii")
        return bytes([len(name)]) + name + nonce + sealed

    def is_current(self, sealed: bytes) -> bool:
        """Whether it was sealed with the newest key."""
        name = self._current.encode("ascii")
        return sealed.startswith(bytes([len(name)]) + name)

    def open(self, sealed: bytes, *, tenant_id: UUID, plugin_id: str, row_id: UUID) -> dict[str, Any]:
        """What `seal` was given; raises SealBroken."""
        name_end = 1 + sealed[0] if sealed else 0
        key_id = sealed[1:name_end].decode("ascii", "replace")
        if key_id not in self._ciphers:
            raise SealBroken(
                f"This secret was sealed with the key '{key_id}', which this process does not have. Add the old key"
                " to BELTSTACK_SECRET_KEY after the new one and a comma, or connect the integration again."
            )
        nonce, rest = sealed[name_end : name_end + NONCE_BYTES], sealed[name_end + NONCE_BYTES :]
        try:
            plain = self._ciphers[key_id].decrypt(nonce, rest, _bound_to(tenant_id, plugin_id, row_id))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(
                "This secret was changed, or moved from another row; connect the integration again."
            ) from error
        data: dict[str, Any] = json.loads(plain)
        return data


def new_key() -> str:
    """A fresh key as `Sealer.of_key` reads it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def _bound_to(tenant_id: UUID, plugin_id: str, row_id: UUID) -> bytes:
    return f"{tenant_id}|{plugin_id}|{row_id}".encode()


def _id_of(key: bytes) -> str:
    return sha256(b"beltstack key id" + key).hexdigest()[:8]


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretKeyProblem(
            f"BELTSTACK_SECRET_KEY is not {KEY_BYTES} bytes in base64."
            " Make one with: python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
        )
    return key


def _make(path: Path) -> None:
    """Whole or not at all, and of several that make it at once only one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(new_key())
            file.flush()
            os.fsync(file.fileno())
        _publish(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _publish(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return  # another process was faster: its key is the one to use
