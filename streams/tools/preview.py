"""What may be said of a draft of rules to those who are to sign it: counts, or why there are none.

Decides what leaves: the figures of `sightline whatif` with its small numbers withheld, no week and no household of
its own. Decides nothing about what they mean: words are the desk's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from schemas.preview import Draft
from streams.alerting.backtest import Comparison, NotPossible, compare
from streams.alerting.rules import Refused
from streams.controls import ControlRow
from streams.partnership import Partnership
from streams.registers import BadControl
from streams.runtime import settings
from streams.runtime.commits import Damaged
from streams.tools.linkage import NoState, load
from streams.tools.whatif import figures, state_of

NAME: Final = "rules"
REASON_MAX_CHARS: Final = 300
DIGITS: Final = 4
ROWS: Final = (
    "line_at_start", "line_at_end", "opening", "alerts", "alerts_a_week", "busiest_week", "per_1000_month", "queued",
    "raised_again", "known", "true", "precision", "early_days", "not_yet_known", "not_yet_known_true", "caught",
    "step_downs", "step_downs_a_week", "step_downs_known", "step_downs_calm",
)  # fmt: skip
"""Names of `whatif.figures`, in its order."""
WHOLE: Final = (
    "start_at", "until_at", "weeks", "asked_weeks", "weights", "horizon_days", "grace_days", "children", "outcomes",
    "only_today", "only_changed", "sent", "answered", "answered_outcomes", "assumes",
)  # fmt: skip


class Answer(NamedTuple):
    """As in a preview."""

    outcome: Literal["compared", "refused", "not_possible", "unavailable"]
    reason: str
    as_of_at: int
    body: str | None


def unavailable(reason: str) -> Answer:
    """It could not be run now."""
    return Answer("unavailable", reason[:REASON_MAX_CHARS], 0, None)


def judge(config: settings.Previewer, draft: Draft) -> Answer:
    """Run one draft on the newest snapshot."""
    try:
        partnership = _partnership(config, draft)
    except NoState as error:
        return unavailable(str(error))
    state = state_of(partnership)
    try:
        row = ControlRow(draft["base_version"] + 1, draft["effective_at"], draft["body"])
        partnership.controls.check(NAME, row, state.now)
        found = compare(state, draft["body"], config.weeks)
    except NotPossible as error:
        return Answer("not_possible", str(error)[:REASON_MAX_CHARS], state.now, None)
    except (BadControl, Refused) as error:
        return Answer("refused", str(error)[:REASON_MAX_CHARS], state.now, None)
    return Answer("compared", "", state.now, json.dumps(told(found), sort_keys=True))


def _partnership(config: settings.Previewer, draft: Draft) -> Partnership:
    """The partnership of a draft as the newest snapshot has it.

    Raises:
        NoState: There is none; says why without naming a place of the platform's.
    """
    if draft["name"] != NAME:
        raise NoState(f"only {NAME} can be run over the history")
    if draft["partnership"] not in config.partitions:
        raise NoState("the platform's previewer does not serve this partnership")
    keyring: Any = settings.plugin(config.keyring)(Path(config.keys))
    try:
        return load(config.snapshots, config.partitions[draft["partnership"]], draft["partnership"], keyring)
    except NoState:
        raise NoState("there is no snapshot of the partnership yet") from None
    except (Damaged, OSError) as error:
        raise NoState(f"the newest snapshot cannot be read ({type(error).__name__})") from None


def told(found: Comparison) -> dict[str, Any]:
    """A comparison as it leaves."""
    pairs = zip(ROWS, figures(found.today), figures(found.changed), strict=True)
    return {
        **{name: getattr(found, name) for name in WHOLE},
        "models": [found.today.models, found.changed.models],
        "changes": found.changes,
        "rows": [[name, _short(today), _short(changed)] for name, today, changed in pairs],
        "groups": [msgspec.structs.asdict(group) for group in found.groups],
    }


def _short(value: float | None) -> float | None:
    return round(value, DIGITS) if isinstance(value, float) else value
