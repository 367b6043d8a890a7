"""The keys of an agency, the platform and the approvers: made, stored, handed over, loaded.

Decides the folder layout (docs/keys.md) and how the linkage key reaches other bridges: sealed to their registered
public key and signed by the giver. Does not decide when a key is used: that is the module that takes it.

Every file is one line of hexadecimal, readable by its owner alone (0600, folders 0700); a secret that others could
read is refused when loaded, not warned about.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bridge.keyfiles import (
    KeyFault,
    check_id,
    new_folder,
    read_json,
    read_key,
    replace_json,
    write_key,
    write_pair,
    write_text,
)
from bridge.platform_keys import make_governance, make_platform, trust
from schemas import crypto

_PARCEL: Final = b"sightline linkage key"
EPOCH_MAX: Final = 2**31 - 1  # an Avro int


@dataclass(frozen=True, slots=True)
class AgencyKeys:
    """What one bridge holds.

    Attributes:
        partnership: Partnership these keys are for.
        agency: Agency that holds them.
        agency_key: 32 bytes; pseudonyms and the local store are derived from it. It is never changed, because
            pseudonyms have to stay the same.
        linkage: Linkage keys, 32 bytes each, by key epoch.
        linkage_epoch: Epoch in force: encodings are made under it.
        sign_private: Ed25519, registered; payload keys are signed with it.
        seal_private: X25519; linkage keys, dead letters and disclosures are sealed to its public half.
        platform_public: X25519 public half of the platform, for payload keys.
    """

    partnership: str
    agency: str
    agency_key: bytes = field(repr=False)
    linkage: Mapping[int, bytes] = field(repr=False)
    linkage_epoch: int
    sign_private: bytes = field(repr=False)
    seal_private: bytes = field(repr=False)
    platform_public: bytes = field(repr=False)

    @property
    def linkage_key(self) -> bytes:
        """The linkage key in force, 32 bytes."""
        return self.linkage[self.linkage_epoch]

    @classmethod
    def load(cls, folder: Path | str) -> AgencyKeys:
        """Read a folder made by `make_agency` that has its linkage key.

        Args:
            folder: The agency's key folder.

        Returns:
            The keys.

        Raises:
            KeyFault: A file is missing, not a key, or readable by others.
        """
        root = Path(folder)
        about = _about(root)
        linkage = {epoch: read_key(_linkage_file(root, epoch)) for epoch in linkage_epochs(root)}
        epoch = int(about["linkage_epoch"])
        if epoch not in linkage:
            error = f"{root}: no linkage key yet; make one with `keys linkage` or take one with `keys accept`"
            raise KeyFault(error)
        return cls(
            partnership=about["partnership"],
            agency=about["agency"],
            agency_key=read_key(root / "agency.key"),
            linkage=linkage,
            linkage_epoch=epoch,
            sign_private=read_key(root / "sign.private"),
            seal_private=read_key(root / "seal.private"),
            platform_public=read_key(root / "platform.public"),
        )


def make_agency(folder: Path | str, agency: str, partnership: str, platform_public: bytes) -> None:
    """Make an agency's own keys; the linkage key comes after, from `make_linkage` or `accept`.

    Args:
        folder: New or empty folder.
        agency: Agency id.
        partnership: Partnership id.
        platform_public: The platform's X25519 public half.

    Raises:
        KeyFault: Keys are already there, or an id is not 1 to 64 of a-z, 0-9 and hyphen.
    """
    check_id(agency)
    check_id(partnership)
    root = new_folder(folder)
    about = {"agency": agency, "partnership": partnership, "linkage_epoch": 0}
    write_text(root / "agency.json", json.dumps(about, indent=1) + "\n", os.O_EXCL)
    write_key(root / "agency.key", secrets.token_bytes(crypto.KEY_BYTES))
    write_pair(root, "sign", crypto.sign_keypair())
    write_pair(root, "seal", crypto.hpke_keypair())
    write_key(root / "platform.public", platform_public)


def make_linkage(folder: Path | str) -> int:
    """Make the partnership's next linkage key at this bridge.

    Args:
        folder: The agency's key folder.

    Returns:
        Its epoch. The first is in force at once; a later one only after `activate`, once every bridge has it.
    """
    root = Path(folder)
    epoch = max(linkage_epochs(root), default=0) + 1
    _keep_linkage(root, epoch, secrets.token_bytes(crypto.KEY_BYTES))
    return epoch


def hand_out(folder: Path | str, entry: Mapping[str, str], epoch: int | None = None) -> dict[str, Any]:
    """Seal a linkage key to another bridge of the partnership.

    Args:
        folder: The giver's key folder.
        entry: The receiver's `register_entry`.
        epoch: Which key; the newest without it.

    Returns:
        A parcel for `accept`: it may travel by any channel, only the receiver can open it.

    Raises:
        KeyFault: The receiver is of another partnership, or there is no such key here.
    """
    root = Path(folder)
    about = _about(root)
    if entry.get("partnership") != about["partnership"] or "agency" not in entry:
        raise KeyFault("the receiver is of another partnership: a linkage key is for one partnership")
    epochs = linkage_epochs(root)
    epoch = max(epochs, default=0) if epoch is None else epoch
    if epoch not in epochs:
        error = f"{root}: no linkage key of epoch {epoch}"
        raise KeyFault(error)
    info = _parcel_info(about["partnership"], epoch, about["agency"], entry["agency"])
    try:
        sealed = crypto.hpke_seal(_hex(entry, "seal_public"), read_key(_linkage_file(root, epoch)), info)
    except ValueError:
        raise KeyFault("the receiver's seal_public is not a usable public key") from None
    return {
        "partnership": about["partnership"],
        "epoch": epoch,
        "from": about["agency"],
        "to": entry["agency"],
        "sealed": sealed.hex(),
        "signature": crypto.sign(read_key(root / "sign.private"), info + sealed).hex(),
    }


def accept(folder: Path | str, parcel: Mapping[str, Any], giver: Mapping[str, str]) -> int:
    """Take a linkage key that another bridge handed out.

    Args:
        folder: The receiver's key folder.
        parcel: As `hand_out` made it.
        giver: The giver's `register_entry`, from the register and not from the parcel's channel.

    Returns:
        The key's epoch.

    Raises:
        KeyFault: The parcel is for someone else, not signed by that giver, altered, or differs from a key of that
            epoch that is already here.
    """
    root = Path(folder)
    about = _about(root)
    expected = (about["partnership"], about["agency"], giver.get("agency"), giver.get("partnership"))
    if (parcel.get("partnership"), parcel.get("to"), parcel.get("from"), parcel.get("partnership")) != expected:
        raise KeyFault("the parcel is not from that giver to this agency and partnership")
    epoch = parcel.get("epoch")
    if not isinstance(epoch, int) or not 1 <= epoch <= EPOCH_MAX:
        raise KeyFault("the parcel's epoch is out of range")
    info = _parcel_info(about["partnership"], epoch, giver["agency"], about["agency"])
    sealed, signature = _hex(parcel, "sealed"), _hex(parcel, "signature")
    if not crypto.verify(_hex(giver, "sign_public"), info + sealed, signature):
        raise KeyFault("the parcel is not signed by that giver")
    try:
        key = crypto.hpke_open(read_key(root / "seal.private"), sealed, info)
    except crypto.Broken:
        raise KeyFault(
            "the parcel is sealed to another key: hand it out again to the newest register entry"
        ) from None
    if epoch in linkage_epochs(root):
        if read_key(_linkage_file(root, epoch)) != key:
            error = f"another linkage key of epoch {epoch} is here: the bridges must agree on one"
            raise KeyFault(error)
        return epoch
    _keep_linkage(root, epoch, key)
    return epoch


def activate(folder: Path | str, epoch: int) -> None:
    """Put a linkage key in force; encodings of two epochs are never compared, so all bridges do it together.

    Args:
        folder: The agency's key folder.
        epoch: An epoch that is here.

    Raises:
        KeyFault: It is not here.
    """
    root = Path(folder)
    if epoch not in linkage_epochs(root):
        error = f"{root}: no linkage key of epoch {epoch}"
        raise KeyFault(error)
    replace_json(root / "agency.json", {**_about(root), "linkage_epoch": epoch})


def rotate(folder: Path | str, kind: str) -> None:
    """Replace the agency's signing or sealing pair; the register needs the new entry before it is used.

    The old private half is kept as `<kind>.<n>.private`: what was sealed to it can still be opened by hand.

    Args:
        folder: The agency's key folder.
        kind: `sign` or `seal`.

    Raises:
        KeyFault: Another kind: the agency key is never changed, linkage keys have epochs.
    """
    root = Path(folder)
    makers = {"sign": crypto.sign_keypair, "seal": crypto.hpke_keypair}
    if kind not in makers:
        error = f"cannot rotate {kind!r}: one of {sorted(makers)}"
        raise KeyFault(error)
    number = 1 + sum(1 for _ in root.glob(f"{kind}.*.private"))
    for half in ("private", "public"):
        (root / f"{kind}.{half}").rename(root / f"{kind}.{number}.{half}")
    write_pair(root, kind, makers[kind]())


def register_entry(folder: Path | str) -> dict[str, str]:
    """The agency's line for the partnership's register: public halves only.

    Args:
        folder: The agency's key folder.

    Returns:
        `agency`, `partnership`, `sign_public` and `seal_public` (hexadecimal).
    """
    root = Path(folder)
    about = _about(root)
    return {
        "agency": about["agency"],
        "partnership": about["partnership"],
        "sign_public": read_key(root / "sign.public").hex(),
        "seal_public": read_key(root / "seal.public").hex(),
    }


def make_partnership(folder: Path | str, partnership: str, agencies: Sequence[str], approvers: Sequence[str]) -> None:
    """Make every key of a new partnership in one go, where one machine may hold them all: a demo or a test.

    Args:
        folder: New folder; gets `platform/`, `governance/` and one folder an agency.
        partnership: Partnership id.
        agencies: Agency ids; the first makes the linkage key and hands it to the others.
        approvers: Names of those who approve controls.
    """
    root = new_folder(folder)
    public = make_platform(root / "platform")
    for name in approvers:
        trust(root / "platform", name, make_governance(root / "governance", name))
    for agency in agencies:
        make_agency(root / agency, agency, partnership, public)
    first, *others = agencies
    make_linkage(root / first)
    for agency in others:
        accept(root / agency, hand_out(root / first, register_entry(root / agency)), register_entry(root / first))


def linkage_epochs(folder: Path | str) -> list[int]:
    """Epochs of the linkage keys in a folder, ascending."""
    return sorted(int(path.stem) for path in (Path(folder) / "linkage").glob("*.key"))


def show(folder: Path | str) -> dict[str, Any]:
    """What an agency's folder holds, in a form that gives no key away.

    Args:
        folder: The agency's key folder.

    Returns:
        Agency, partnership, fingerprints of public halves, and the linkage keys' check values by epoch.
    """
    root = Path(folder)
    about = _about(root)
    return {
        "agency": about["agency"],
        "partnership": about["partnership"],
        "fingerprints": {
            name: fingerprint(read_key(root / f"{name}.public")) for name in ("sign", "seal", "platform")
        },
        "linkage_in_force": about["linkage_epoch"],
        "linkage_check_values": {
            str(epoch): check_value(read_key(_linkage_file(root, epoch))) for epoch in linkage_epochs(root)
        },
    }


def check_value(key: bytes) -> str:
    """Eight hexadecimal digits by which two people can see that they hold the same key, and learn nothing else."""
    return crypto.derive(key, "check value", 4).hex()


def fingerprint(public: bytes) -> str:
    """Sixteen hexadecimal digits of a public half, to compare by telephone."""
    return hashlib.sha256(public).hexdigest()[:16]


def _about(root: Path) -> dict[str, Any]:
    return read_json(root / "agency.json", "no agency keys here; make them with `keys agency`")


def _keep_linkage(root: Path, epoch: int, key: bytes) -> None:
    _about(root)
    new_folder(root / "linkage")
    write_key(_linkage_file(root, epoch), key)
    if not _about(root)["linkage_epoch"]:
        activate(root, epoch)


def _linkage_file(root: Path, epoch: int) -> Path:
    return root / "linkage" / f"{epoch}.key"


def _parcel_info(partnership: str, epoch: int, giver: str, receiver: str) -> bytes:
    parts = (_PARCEL, partnership.encode(), b"%d" % epoch, giver.encode(), receiver.encode())
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _hex(content: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(content[name])
    except (KeyError, TypeError, ValueError):
        error = f"expected hexadecimal in {name!r}"
        raise KeyFault(error) from None
