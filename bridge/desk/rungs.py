"""What each rung shows. Deny by default: a field that stands in no rung is shown to nobody.

Decides which fields of an alert and of a presence notice a user may see. Everything the pages show is made from what
the functions here return, so that no template can show more. Does not know users or names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.alert import ROUTES

RECORDS: Final = 4  # the rung from which names are read

ALERT_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    ("alert_id", "version", "state", "direction", "team", "raised_at", "changed_at", "opening", "respond_by_at",
     "route"),
    ("known_to", "behind"),
    ("families",),
    ("factors", "score_ppm", "threshold_ppm", "clears_at_ppm", "horizon_days", "model", "rule", "rule_version",
     "correction", "committed_at"),
    ("records",),
)  # fmt: skip
"""Fields by rung: that it exists; which agency and whom to call; categories of factor; summary; the record."""

PRESENCE_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    ("notice_id", "kind", "team", "presented_at"),
    ("presented_to", "responsible_team", "office_number", "out_of_hours_number"),
    ("status",),
    ("contacts",),
    ("records",),
)

SUGGESTION_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    ("suggestion_id", "as_of_at"),
    ("agencies",),
    (),
    ("link_milli", "why", "rival", "evidence"),
    ("records",),
)
LINK_FIELDS: Final[tuple[tuple[str, ...], ...]] = ((), (), (), ("people", "as_of_at"), ())
"""What holds people together is evidence throughout: nothing of it below the summary."""

HOUSEHOLD_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    ("behind", "as_of_at"),
    (),
    ("trajectory", "outcomes"),
    (),
)
"""Where a household is heading and what its records suggest are made of scores: nothing of it below the summary.
Which feeds are behind is of the rung that says which agencies there are."""


def cut_alert(alert: Mapping[str, Any], rung: int) -> dict[str, Any]:
    """Fields of an alert that a rung shows, and no others.

    Args:
        alert: A schemas.alert.Alert.
        rung: 0 to 4.

    Returns:
        Fields by name. `families` is made from the factors: (family, lowers) pairs, largest first, no weights.
        `route` is the correction where it says who has the alert, not what it says.
    """
    families: dict[str, bool] = {}
    for factor in alert["factors"]:
        families.setdefault(factor["family"], factor["weight_milli"] < 0)
    route = alert["correction"] if alert["correction"] in ROUTES else ""
    return _cut({**alert, "families": tuple(families.items()), "route": route}, ALERT_FIELDS, rung)


def cut_presence(notice: Mapping[str, Any], rung: int) -> dict[str, Any]:
    """Fields of a presence notice that a rung shows, and no others."""
    return _cut(notice, PRESENCE_FIELDS, rung)


def cut_suggestion(row: Mapping[str, Any], rung: int) -> dict[str, Any]:
    """Fields of a suggestion that a rung shows, and no others; what the platform cut from it is missing here too."""
    return _cut(row, SUGGESTION_FIELDS, rung, cut_before=True)


def cut_links(row: Mapping[str, Any], rung: int) -> dict[str, Any]:
    """Fields of what holds people together that a rung shows, and no others; records below theirs are left out."""
    cut = _cut(row, LINK_FIELDS, rung, cut_before=True)
    if rung < RECORDS:
        cut["people"] = [[{**pair, "records": []} for pair in pairs] for pairs in cut.get("people", ())]
    return cut


def cut_household(row: Mapping[str, Any], rung: int) -> dict[str, Any]:
    """Fields of what is said of a household that a rung shows, and no others."""
    return _cut(row, HOUSEHOLD_FIELDS, rung, cut_before=True)


def _cut(
    message: Mapping[str, Any], fields: tuple[tuple[str, ...], ...], rung: int, *, cut_before: bool = False
) -> dict[str, Any]:
    if not 0 <= rung < len(fields):
        error = f"rung: expected 0 to {len(fields) - 1}, got {rung}"
        raise ValueError(error)
    allowed = [name for names in fields[: rung + 1] for name in names]
    return {name: message[name] for name in allowed if name in message or not cut_before}
