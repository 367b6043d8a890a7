"""What each rung shows. Deny by default: a field that stands in no rung is shown to nobody.

Decides which fields of an alert, a presence notice or a view's row a user may see, agency by agency. Everything the
pages show is made from what the functions here return, so that no template can show more. Does not know users or
names; what a user may see is decided in access/gate.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge.desk.access.gate import RECORDS, Reach
from bridge.desk.config import Config
from schemas.alert import ROUTES

CALL, CATEGORIES, SUMMARY = 1, 2, 3

ALERT_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    ("alert_id", "version", "state", "direction", "team", "raised_at", "changed_at", "opening", "respond_by_at",
     "route"),
    ("known_to", "here", "behind"),
    ("families",),
    ("factors", "score_ppm", "threshold_ppm", "clears_at_ppm", "horizon_days", "model", "rule", "rule_version",
     "correction", "committed_at"),
    ("records",),
)  # fmt: skip
"""Fields by rung: that it exists; which agency and whom to call; categories of factor; summary; the record.

Who is known to whom and categories go by each agency's own rung. The summary is made of what all agencies told, taken
together: one agency's part could be computed from the rest, so it goes by the lowest of theirs."""

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
    ("parts",),
    ("trajectory", "outcomes", "score_ppm", "model", "factors"),
    ("records",),
)
"""Where a household is heading and what its records suggest are made of scores: nothing of it below the summary.
Which feeds are behind is of the rung that says which agencies there are."""

PROFILE_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    ("allocation", "restricted"),
    ("age_band", "statuses", "unborn_of"),
    (),
    (),
)
EVENT_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    (),
    (),
    ("source", "kind", "occurred_at", "factors", "outcome"),
    ("texts",),
)
"""Of the own agency's records and events: by the rung of its own information."""


def cut_alert(alert: Mapping[str, Any], reach: Reach, config: Config) -> dict[str, Any]:
    """Fields of an alert that a user may see, and no others.

    Args:
        alert: A schemas.alert.Alert.
        reach: Of the user, about this alert.
        config: Settings: which agencies are of a kind.

    Returns:
        Fields by name. `known_to` and `behind` are of the agencies whose rung reaches; `here` says that the own
        agency knows the household; `families` is made from the factors: (family, lowers) pairs, largest first, no
        weights; `route` is the correction where it says who has the alert, not what it says.
    """
    families = _families(alert["factors"], reach, config)
    made = {
        **alert,
        "route": alert["correction"] if alert["correction"] in ROUTES else "",
        "known_to": [agency for agency in alert["known_to"] if reach.of(agency) >= CALL],
        "here": bool(alert["records"]),
        "behind": [lag for lag in alert["behind"] if reach.rungs.get(lag["agency"], reach.joint) >= CALL],
        "families": families,
    }
    rung = max(reach.joint, CATEGORIES if families else CALL if made["known_to"] else 0)
    return _cut(made, ALERT_FIELDS, rung, reach)


def cut_presence(notice: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """Fields of a presence notice that a user may see, and no others."""
    return _cut(notice, PRESENCE_FIELDS, reach.joint, reach)


def cut_suggestion(row: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """Fields of a suggestion that a user may see, and no others; what the platform cut is missing here too."""
    return _cut(row, SUGGESTION_FIELDS, reach.joint, reach)


def cut_links(row: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """Fields of what holds people together that a user may see, and no others; own records only with their names."""
    cut = _cut(row, LINK_FIELDS, reach.joint, reach)
    if not reach.names:
        cut["people"] = [[{**pair, "records": []} for pair in pairs] for pairs in cut.get("people", ())]
    return cut


def cut_household(row: Mapping[str, Any], reach: Reach, config: Config) -> dict[str, Any]:
    """Fields of what is said of a household that a user may see, and no others.

    Args:
        row: A household's row of the agency's views.
        reach: Of the user, about this household.
        config: Settings: which agencies are of a kind.

    Returns:
        Fields by name. `parts` is made from the factors: those of the agencies whose rung reaches, as `family`,
        `lowers`, `agency_kind` and `age_days` (as of `as_of_at`), and `weight_milli` from the summary on.
    """
    if not row:
        return {}
    parts = _parts(row.get("factors", ()), reach, config)
    behind = [lag for lag in row.get("behind", ()) if reach.rungs.get(lag["agency"], reach.joint) >= CALL]
    return _cut({**row, "behind": behind, "parts": parts}, HOUSEHOLD_FIELDS,
                max(reach.joint, CATEGORIES if parts else 0), reach)  # fmt: skip


def cut_profile(profile: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """Fields of what is true of an own record that a user may see, and no others."""
    return _cut(profile, PROFILE_FIELDS, reach.of(reach.own_agency), reach)


def cut_event(event: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """Fields of an own event that a user may see, and no others."""
    return _cut(event, EVENT_FIELDS, reach.of(reach.own_agency), reach)


def _cut(
    message: Mapping[str, Any], fields: tuple[tuple[str, ...], ...], rung: int, reach: Reach
) -> dict[str, Any]:  # fmt: skip
    """Fields up to a rung; those of the last, own records, by whether they may be named."""
    if reach.top < 0:
        return {}
    allowed = [name for names in fields[: min(max(rung, 0), SUMMARY) + 1] for name in names]
    allowed += fields[RECORDS] if reach.names else ()
    return {name: message[name] for name in allowed if name in message}


def _families(factors: Iterable[Mapping[str, Any]], reach: Reach, config: Config) -> tuple[tuple[str, bool], ...]:
    """Categories of the agencies whose rung reaches; one that no kind of agency is named for is everybody's."""
    found: dict[str, bool] = {}
    for factor in factors:
        holders = config.of_kind(factor["agency_kind"]) if factor["agency_kind"] else ()
        if reach.least(holders) >= CATEGORIES:
            found.setdefault(factor["family"], factor["weight_milli"] < 0)
    return tuple(found.items())


def _parts(factors: Iterable[Mapping[str, Any]], reach: Reach, config: Config) -> list[dict[str, Any]]:
    """Factors of the agencies whose rung reaches; one that no kind of agency is named for is everybody's."""
    found = []
    for factor in factors:
        holders = config.of_kind(factor["agency_kind"]) if factor["agency_kind"] else ()
        if reach.least(holders) >= CATEGORIES:
            part = {"family": factor["family"], "agency_kind": factor["agency_kind"],
                    "lowers": factor["weight_milli"] < 0, "age_days": factor["age_days"]}  # fmt: skip
            found.append(part | ({"weight_milli": factor["weight_milli"]} if reach.joint >= SUMMARY else {}))
    return found
