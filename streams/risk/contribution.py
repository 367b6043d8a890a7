"""What one event adds to a record, and what is true of a record now, as the platform keeps them.

Decides the typed form of event and profile in state. Does not decide what they weigh (features.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from schemas.event import AGENCY_KINDS, FACTORS_MAX, FAMILIES, OUTCOMES, SEVERITY_MAX, Event
from schemas.profile import AGE_BANDS, STATUSES, STATUSES_MAX
from schemas.profile import Profile as WireProfile

_FAMILY: Final[Mapping[str, int]] = {name: index for index, name in enumerate(FAMILIES)}
_AGENCY: Final[Mapping[str, int]] = {name: index for index, name in enumerate(AGENCY_KINDS)}
_BAND: Final[Mapping[str, int]] = {name: index for index, name in enumerate(AGE_BANDS)}


class Contribution(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one event adds; kept by event pseudonym so that it can be corrected, withdrawn and re-linked.

    Attributes:
        record: Record pseudonym it happened to.
        agency_kind: Index in schemas.event.AGENCY_KINDS.
        kind: Local code of what happened.
        occurred_at: When it happened (ms since 1970-01-01 UTC).
        factors: (index in schemas.event.FAMILIES, severity 1 to 4).
        contact: An unscheduled contact that presence notices are raised for.
        outcome: Outcome code when it is an outcome (occurred_at is its onset), else empty. An outcome is a label
            and never a feature: the process that writes the label may not predict it (RISK section 10).
        version: (source epoch, position, sequence).
    """

    record: bytes
    agency_kind: int
    kind: str
    occurred_at: int
    factors: tuple[tuple[int, int], ...]
    contact: bool
    outcome: str
    version: tuple[int, int, int]


class Spell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One spell of a legal status; `ended_at` is None while it lasts (ms since 1970-01-01 UTC)."""

    kind: str
    started_at: int
    ended_at: int | None


class Profile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is true of a record now; see avro/profile.avsc.

    Attributes:
        age_band: Index in schemas.profile.AGE_BANDS.
        to_18: A child.
        to_25: A care leaver.
        group: Coded group for fairness figures only; never a feature.
        allocation: Team the child is allocated to, or empty.
        restricted: Restricted child.
        spells: Spells of plan, looked after, in need, early help.
    """

    age_band: int
    to_18: bool
    to_25: bool
    group: str
    allocation: str
    restricted: bool
    spells: tuple[Spell, ...]


def contribution_from_wire(
    event: Event, record: bytes, agency_kind: str, version: tuple[int, int, int]
) -> Contribution:
    """Typed form of an event that was decoded.

    Raises:
        ValueError: "unknown_code" where a family, severity, agency kind or outcome is not in the contract.
    """
    factors = event["factors"]
    known = (
        agency_kind in _AGENCY
        and len(factors) <= FACTORS_MAX
        and event["outcome"] in ("", *OUTCOMES)
        and all(f["family"] in _FAMILY and 1 <= f["severity"] <= SEVERITY_MAX for f in factors)
    )
    if not known:
        raise ValueError("unknown_code")
    return Contribution(
        record,
        _AGENCY[agency_kind],
        event["kind"],
        event["occurred_at"],
        tuple((_FAMILY[f["family"]], f["severity"]) for f in factors),
        event["contact"],
        event["outcome"],
        version,
    )


def profile_from_wire(profile: WireProfile) -> Profile:
    """Typed form of a profile that was decoded.

    Raises:
        ValueError: "unknown_code" where the band or a status is not in the contract.
    """
    statuses = profile["statuses"]
    if (
        profile["age_band"] not in _BAND
        or len(statuses) > STATUSES_MAX
        or any(s["kind"] not in STATUSES for s in statuses)
    ):
        raise ValueError("unknown_code")
    return Profile(
        _BAND[profile["age_band"]],
        profile["to_18"],
        profile["to_25"],
        profile["group"],
        profile["allocation"],
        profile["restricted"],
        tuple(Spell(s["kind"], s["started_at"], s["ended_at"]) for s in statuses),
    )
