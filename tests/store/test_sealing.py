"""Sealed secrets open where they belong, and nowhere else."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from beltstack.store.sealing import KEY_FILE, SealBroken, Sealer, SecretKeyProblem, new_key

TENANT, ROW = uuid4(), uuid4()
SECRET = {"refresh_token": "rt-1", "scopes": ["a", "b"], "expires": None}


def sealed_by(sealer: Sealer) -> bytes:
    return sealer.seal(SECRET, tenant_id=TENANT, plugin_id="books", row_id=ROW)


def opened(sealer: Sealer, sealed: bytes, *, tenant: UUID = TENANT, plugin: str = "books", row: UUID = ROW) -> object:
    return sealer.open(sealed, tenant_id=tenant, plugin_id=plugin, row_id=row)


def test_what_is_sealed_opens_as_it_was_and_shows_nothing() -> None:
    sealer = Sealer.of_key(new_key())
    sealed = sealed_by(sealer)
    assert opened(sealer, sealed) == SECRET
    assert b"rt-1" not in sealed
    assert sealed != sealed_by(sealer)


@pytest.mark.parametrize(
    "moved",
    [
        lambda sealer, sealed: opened(sealer, sealed, tenant=uuid4()),
        lambda sealer, sealed: opened(sealer, sealed, plugin="other"),
        lambda sealer, sealed: opened(sealer, sealed, row=uuid4()),
        lambda sealer, sealed: opened(sealer, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        lambda sealer, sealed: opened(sealer, sealed[:20]),
    ],
    ids=["another tenant", "another plugin", "another row", "a changed bit", "cut off"],
)
def test_moved_or_changed_ciphertext_does_not_open(moved: Callable[[Sealer, bytes], object]) -> None:
    sealer = Sealer.of_key(new_key())
    with pytest.raises(SealBroken, match="connect the integration again"):
        moved(sealer, sealed_by(sealer))


@pytest.mark.parametrize("sealed", [b"", b"\x08", b"\x03abc" + bytes(40)])
def test_what_no_known_key_sealed_is_said_so(sealed: bytes) -> None:
    with pytest.raises(SealBroken, match="does not have"):
        opened(Sealer.of_key(new_key()), sealed)


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    old_key, key = new_key(), new_key()
    before, after = Sealer.of_key(old_key), Sealer.of_key(f"{key}, {old_key}")
    assert opened(after, sealed_by(before)) == SECRET
    assert opened(Sealer.of_key(key), sealed_by(after)) == SECRET
    with pytest.raises(SealBroken):
        opened(before, sealed_by(after))


@pytest.mark.parametrize(
    "text",
    ["", "short", "A" * 44, new_key()[:-4], f"{new_key()},"],
    ids=["nothing", "no base64", "too long", "cut off", "an empty second"],
)
def test_a_malformed_key_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(SecretKeyProblem, match="32 bytes in base64"):
        Sealer.of_key(text)


def test_a_folder_has_one_key_however_many_ask_first(tmp_path: Path) -> None:
    folder = tmp_path / "My Data ä"
    with ThreadPoolExecutor(8) as threads:
        sealers = list(threads.map(lambda _: Sealer.of_folder(folder), range(8)))
    sealed = sealed_by(sealers[0])
    assert [opened(sealer, sealed) for sealer in sealers] == [SECRET] * 8
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Sealer.of_folder(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(SecretKeyProblem, match="chmod 600"):
        Sealer.of_folder(tmp_path)
