"""Snapshots: dated states, sealed, each with a manifest whose hash is chained to the one before.

Decides the files and when one may be trusted. A snapshot is written by the snapshotter and read by workers. Frames
are sealed under the state key and bound to their manifest, so a frame of another snapshot, place or order does not
open; a snapshot that is damaged or missing is passed over for an older one.

Files, by partition: `<partition>/<sequence>.json` (manifest), `<partition>/<sequence>.bin` (frames: 4-byte length,
12-byte nonce, ciphertext).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from schemas.crypto import NONCE_BYTES, Aead, Broken
from streams.runtime.commits import Damaged, Place
from streams.state import Change, pack_delta

FRAME_ROWS: Final = 20_000  # rows a frame: some MB, well under AES-GCM's bound and a worker's memory
FRAME_MAX_BYTES: Final = 1 << 30


class Manifest(msgspec.Struct, frozen=True):
    """What a snapshot is.

    Attributes:
        partition: Journal partition.
        sequence: Grows by one with each snapshot of the partition.
        next, hash, end, tip: Place in the chain (hash as hex).
        rows: Rows of state.
        frames: Frames of the file.
        digest: Hex of the state's digest.
        made_at: Wall time, ms.
        before: Hash of the manifest before, hex; empty for the first.
        this: Hash of this manifest without this field, hex.
    """

    partition: int
    sequence: int
    next: int
    hash: str
    end: int
    tip: int
    rows: int
    frames: int
    digest: str
    made_at: int
    before: str
    this: str = ""

    def hashed(self) -> str:
        """SHA-256 over all other fields, hex."""
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self, this=""))).hexdigest()

    def place(self) -> Place:
        """Where a reader stands after loading it."""
        return Place(self.next, bytes.fromhex(self.hash), self.end, self.tip)


class Stored:
    """One snapshot in a store."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        self.manifest = manifest
        self.place = manifest.place()

    def changes(self) -> Iterator[bytes]:
        """See Snapshot."""
        return self._store.frames(self.manifest)


class Store:
    """A folder of snapshots, by fsspec."""

    def __init__(self, url: str, cipher: Aead) -> None:
        import fsspec  # noqa: PLC0415  (slow, and needed only where snapshots are configured)

        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._cipher = cipher

    def manifests(self, partition: int) -> list[Manifest]:
        """Manifests that verify, newest first."""
        folder = f"{self._root}/{partition}"
        self._fs.invalidate_cache()
        names = self._fs.ls(folder, detail=False) if self._fs.isdir(folder) else []
        found = []
        for name in names:
            if name.endswith(".json"):
                manifest = self._manifest(name)
                if manifest is not None and manifest.partition == partition:
                    found.append(manifest)
        return sorted(found, key=lambda manifest: -manifest.sequence)

    def newest_first(self, partition: int) -> Iterable[Stored]:
        """See Snapshots."""
        return (Stored(self, manifest) for manifest in self.manifests(partition))

    def frames(self, manifest: Manifest) -> Iterator[bytes]:
        """Opened frames of a snapshot.

        Raises:
            Damaged: A frame is missing, cut short, or does not open.
        """
        if manifest.frames != -(-manifest.rows // FRAME_ROWS):  # the count of rows is bound to every frame
            raise Damaged("bad_numbers")
        try:
            with self._fs.open(self._path(manifest, "bin"), "rb") as file:
                for number in range(manifest.frames):
                    size = int.from_bytes(file.read(4), "big")
                    if not NONCE_BYTES < size <= FRAME_MAX_BYTES:
                        raise Damaged("bad_frame")
                    frame = file.read(size)
                    yield self._cipher.open(frame[:NONCE_BYTES], frame[NONCE_BYTES:], _bound(manifest, number))
        except (OSError, Broken) as error:
            raise Damaged(type(error).__name__) from None

    def write(
        self, manifest: Manifest, rows: Iterable[Change], nonce: Callable[[], bytes], reach: Callable[[str], None]
    ) -> Manifest:
        """Write frames, then the manifest that makes them count.

        Args:
            manifest: All but `frames` and `this`.
            rows: The state, in any order.
            nonce: Gives 12 bytes, never the same twice.
            reach: Told of each numbered point.

        Returns:
            The manifest as written.
        """
        self._fs.makedirs(f"{self._root}/{manifest.partition}", exist_ok=True)
        part = self._path(manifest, "part")
        frames = 0
        with self._fs.open(part, "wb") as file:
            for batch in _batches(rows):
                one = nonce()
                sealed = self._cipher.seal(one, pack_delta(batch), _bound(manifest, frames))
                file.write((len(one) + len(sealed)).to_bytes(4, "big") + one + sealed)
                frames += 1
        self._fs.mv(part, self._path(manifest, "bin"))
        reach("snapshot_written")
        whole = msgspec.structs.replace(manifest, frames=frames)
        whole = msgspec.structs.replace(whole, this=whole.hashed())
        draft = self._path(manifest, "draft")
        with self._fs.open(draft, "wb") as file:
            file.write(msgspec.json.encode(whole))
        self._fs.mv(draft, self._path(manifest, "json"))
        reach("manifest_written")
        return whole

    def drop(self, manifest: Manifest) -> None:
        """Remove a snapshot, manifest first."""
        for kind in ("json", "bin"):
            path = self._path(manifest, kind)
            if self._fs.exists(path):
                self._fs.rm_file(path)

    def _manifest(self, name: str) -> Manifest | None:
        try:
            with self._fs.open(name, "rb") as file:
                manifest = msgspec.json.decode(file.read(), type=Manifest)
        except (OSError, msgspec.DecodeError):
            return None
        return manifest if manifest.this == manifest.hashed() else None

    def _path(self, manifest: Manifest, kind: str) -> str:
        return f"{self._root}/{manifest.partition}/{manifest.sequence:010d}.{kind}"


class NoStore:
    """Nowhere: every fold begins at the beginning."""

    def newest_first(self, partition: int) -> Iterable[Any]:
        """See Snapshots."""
        del partition
        return ()


def open_store(url: str, cipher: Aead) -> Store | NoStore:
    """The store at a URL; none for an empty one."""
    return Store(url, cipher) if url else NoStore()


def _bound(manifest: Manifest, number: int) -> bytes:
    return (
        f"snapshot|{manifest.partition}|{manifest.sequence}|{manifest.next}|{manifest.hash}|{manifest.end}|"
        f"{manifest.tip}|{manifest.digest}|{manifest.rows}|{number}"
    ).encode()


def _batches(rows: Iterable[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= FRAME_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
