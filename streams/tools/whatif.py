"""`sightline whatif`: other rules over the partnership's own history, beside today's, before two people sign them.

Decides how the numbers are laid out. Reads a snapshot, changes nothing; what is run and how it is judged is decided
in streams/alerting (backtest.py, reckoning.py). There are only counts in it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.alerting.backtest import WEEKS, Comparison, NotPossible, State, compare
from streams.alerting.bygroup import MEASURES
from streams.alerting.reckoning import Column
from streams.alerting.rules import Refused
from streams.controls import ControlRow
from streams.insights.suppress import ROUND_TO, SMALL_MAX
from streams.partnership import Facts, Partnership
from streams.risk.steer import MICRO
from streams.risk.study import ONLY
from streams.runtime import settings
from streams.runtime.commits import Damaged
from streams.tools.controls import Draft, NotReady
from streams.tools.linkage import NoState, load

OPTIONS: Final[Mapping[str, tuple[str, type, str]]] = {
    "--raise-at": ("raise_at", float, "a fixed line, .005 to .9; 0: steered to the budget"),
    "--budget": ("budget_per_1000_month", float, "alerts per 1,000 children a month"),
    "--clear-ratio": ("clear_ratio", float, "clear_at as a share of raise_at"),
    "--clear-dwell-days": ("clear_dwell_days", int, "days at or below clear_at before a clear"),
    "--step-down-ratio": ("step_down_ratio", float, "step_down_at as a share of raise_at"),
    "--step-down-dwell-days": ("step_down_dwell_days", int, "days at or below step_down_at before a step-down"),
}
WIDE: Final = 40  # of what a line is about
NONE: Final = "-"
WITHHELD: Final = "*"


def state_of(p: Partnership) -> State:
    """What a comparison takes of a partnership."""
    row = p.tables["alert_rules"].get(ONLY)
    return State(
        Facts(p), p.tables["time"].get("now", 0), p.watch.phase, row.body if row else "", p.watch.model,
        tuple(p.tables["alerts"].values()),
    )  # fmt: skip


def read_body(file: Path) -> str:
    """The body of rules in a file: bare, or in a draft of the control.

    Raises:
        NotReady: It is a draft of another control.
    """
    text = file.read_text(encoding="utf-8")
    try:
        draft = msgspec.json.decode(text, type=Draft)
    except msgspec.MsgspecError:
        return text
    if draft.name != "rules":
        raise NotReady(f"{file}: expected a draft of the control rules, found one of {draft.name}")
    return draft.body


def with_changes(body: str, changes: Mapping[str, float]) -> str:
    """A body with some numbers changed.

    Raises:
        Refused: The body is not a JSON object.
    """
    try:
        rules = json.loads(body)
    except ValueError:
        raise Refused("expected rules in JSON") from None
    if not isinstance(rules, dict):
        raise Refused("expected rules as a JSON object")
    return json.dumps({**rules, **changes}, sort_keys=True)


def as_text(name: str, found: Comparison) -> str:
    """The comparison, for those who are to approve the change."""
    lines = [*_head(name, found), *_table(found), *_outcomes(found), *_groups(found)]
    return "\n".join([*lines, "", "What this rests on:", *(f"- {text}" for text in found.assumes)]) + "\n"


def _head(name: str, found: Comparison) -> Iterator[str]:
    start, until = (datetime.fromtimestamp(at / 1000, UTC).date() for at in (found.start_at, found.until_at))
    fewer = f" ({found.asked_weeks} asked: history is no longer)" if found.weeks < found.asked_weeks else ""
    yield f"{name}: {found.weeks} weeks{fewer}, {start} to {until}, {found.children:,} children"
    for field, today, changed in found.changes:
        yield f"  {field}: {today} -> {changed}"
    if not found.changes:
        yield "  nothing is changed"
    if found.weights == "then":
        models = dict.fromkeys(" to ".join(column.models) for column in (found.today, found.changed))
        yield f"  weights: learned on the way as a live system does ({'; '.join(models)})"
    else:
        yield "  weights: today's throughout; they have learned from outcomes of this very time"
    yield ""


def _table(found: Comparison) -> Iterator[str]:
    yield f"{'':{WIDE}}{'today':>10}{'changed':>10}{'difference':>12}"
    for what, today, changed in zip(ROWS, figures(found.today), figures(found.changed), strict=True):
        yield f"{what:{WIDE}}{_number(today):>10}{_number(changed):>10}{_difference(today, changed):>12}"


ROWS: Final = (
    "line at the start", "line at the end", "opening caseload", "alerts", "  a week", "  in the busiest week",
    "  per 1,000 children a month", "  had to wait for room in the budget", "  raised again within 30 days",
    "  of which is known what came of them", "    true: outcome within the horizon", "    precision",
    "    days early, median", "  of which is not known yet", "    with an outcome so far",
    "families with an outcome, caught", "step-downs", "  a week", "  of which is known what came of them",
    "    without an outcome in the horizon",
)  # fmt: skip


def figures(one: Column) -> tuple[float | None, ...]:
    """The numbers of `ROWS`; None where there are too few to say."""
    weeks = len(one.alerts)
    return (
        one.raise_ppm[0] / MICRO, one.raise_ppm[1] / MICRO, one.opening, sum(one.alerts), sum(one.alerts) / weeks,
        max(one.alerts), one.per_1000_month, one.queued, one.raised_again,
        one.known, one.true, one.precision, one.early_days, one.not_yet_known, one.not_yet_known_true,
        one.caught, sum(one.step_downs), sum(one.step_downs) / weeks, one.step_downs_known, one.step_downs_calm,
    )  # fmt: skip


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _difference(today: float | None, changed: float | None) -> str:
    if today is None or changed is None:
        return NONE
    apart = changed - today
    if isinstance(apart, int):
        return f"{apart:+,}" if apart else "0"
    return f"{apart:+.2f}" if round(apart, 2) else "0"


def _outcomes(found: Comparison) -> Iterator[str]:
    yield ""
    yield (
        f"Of {found.outcomes:,} families with an outcome, {found.only_today:,} are caught by today's rules alone, "
        f"{found.only_changed:,} by the changed ones alone."
    )
    yield (
        f"True means an outcome of a child of the household within {found.horizon_days} days; it is known "
        f"{found.grace_days} days after those."
    )
    yield (
        f"In this time people were sent {found.sent:,} alerts and answered {found.answered:,}; after "
        f"{found.answered_outcomes:,} of these an outcome still followed."
    )


def _groups(found: Comparison) -> Iterator[str]:
    yield ""
    if not found.groups:
        yield "By group: no group is recorded."
        return
    yield (
        f"By group, today -> changed; to the nearest {ROUND_TO}; {WITHHELD} withheld: 1 to {SMALL_MAX}, and what "
        "would give it back"
    )
    yield f"{'':14}{'children':>10}{'outcomes':>10}" + "".join(f"{name:>14}" for name in MEASURES)
    for line in found.groups:
        pairs = (getattr(line, name) for name in MEASURES)
        yield (
            f"{line.group or 'not recorded':14}{_cell(line.children):>10}{_cell(line.outcomes):>10}"
            + "".join(f"{_cell(today) + ' -> ' + _cell(changed):>14}" for today, changed in pairs)
        )


def _cell(value: int | None) -> str:
    return WITHHELD if value is None else f"{value:,}"


def main(argv: list[str]) -> int:
    """`sightline whatif`."""
    if "--follow" in argv:
        from streams.tools import previewer  # noqa: PLC0415  (it imports this module)

        return previewer.main([word for word in argv if word != "--follow"])
    parser = argparse.ArgumentParser(prog="sightline whatif", description="Runs other rules over the history.",
                                     epilog="--follow: answer desks' drafts instead, until stopped.")  # fmt: skip
    parser.add_argument("--config", required=True, help="settings file of an operator (JSON), with snapshots")
    parser.add_argument("--partition", required=True, type=int, help="journal partition of the partnership")
    parser.add_argument("--partnership", required=True)
    parser.add_argument("--rules", type=Path, help="a whole body, or a draft of the control; today's where left out")
    for option, (name, kind, what) in OPTIONS.items():
        parser.add_argument(option, dest=name, type=kind, help=what)
    parser.add_argument("--weeks", type=int, default=WEEKS, help="of history, %(default)s, or what there is")
    parser.add_argument("--weights", choices=("then", "now"), default="then", help="learned on the way, or today's")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    try:
        found = _compare(options)
    except (NoState, NotPossible, Damaged, OSError, ValueError) as error:
        sys.stderr.write(f"sightline whatif: {error}\n")
        return 2
    text = msgspec.json.encode(found).decode() + "\n" if options.json else as_text(options.partnership, found)
    sys.stdout.write(text)
    return 0


def _compare(options: argparse.Namespace) -> Comparison:
    config = settings.load(options.config, settings.Operator)
    if not config.snapshots:
        raise NoState(f"{options.config}: expected snapshots, where the snapshotter writes")
    keyring: Any = settings.plugin(config.keyring)(Path(config.keys))
    partnership = load(config.snapshots, options.partition, options.partnership, keyring)
    state = state_of(partnership)
    body = read_body(options.rules) if options.rules else state.rules or "{}"
    given = {name: getattr(options, name) for name, _, _ in OPTIONS.values()}
    changes = {name: value for name, value in given.items() if value is not None}
    body = with_changes(body, changes) if changes else body
    if state.rules:  # without any, that is what has to be said
        partnership.controls.check("rules", ControlRow(0, state.now, body), state.now)
    return compare(state, body, options.weeks, options.weights)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
