"""The words of a model card: the fields of the UK Algorithmic Transparency Recording Standard, tier 1 and 2.

Decides how a record reads. Numbers are given; what only the partnership can know is marked for it to fill in. The
fields follow the standard's template (version 3), so that it can be published as it stands once they are filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

TO_FILL: Final = "*to be filled in by the partnership*"
WITHHELD: Final = "withheld"
NONE: Final = "-"
MICRO: Final = 1_000_000
Card = Mapping[str, Any]

FEATURES: Final = {
    "distinct": "how many kinds of agency know something",
    "burst": "how sudden it is: the last week against four months",
    "children": "number of children in the household",
    "total_30": "all adverse events, the last month",
    "total_120": "all adverse events, the last four months",
    "distinct_total": "kinds of agency times all adverse events",
    "protective_total": "protective events beside adverse ones",
    "grave": "events of the highest severity",
    "social_care_total": "social care's own events times kinds of agency times all adverse events",
    "protective": "protective events",
}
STAGES: Final = {
    "rule": "the counting rule: agencies times volume, nothing learned",
    "prior": "published weights from elsewhere, frozen",
    "intercept": "published weights from elsewhere; only the base rate is learned here",
    "all": "weights learned here",
}
NEVER: Final = (
    "names, addresses, dates of birth and any other identity: the platform never has them",
    "the text of a case note: only codes found in it at the agency leave, where its control record approves",
    "coded group (such as ethnicity): kept for the figures by group alone",
    "referrals and outcomes: the process that writes the label may not predict it",
    "sex, religion, nationality, income, area: the platform has none of them",
)
LIMITS: Final = (
    "It counts decisions that were recorded. A family that nobody refers, or whose need was met without a decision, "
    "counts as without the outcome; a family recorded more often scores higher for the same need.",
    "Four English councils' models missed about four in five children at risk. A low score is no evidence of safety.",
    "Families whose alert somebody answered are kept out of learning, for what came of them may come of the answer. "
    "Without them the model tends to expect too few outcomes among families that people act on.",
    "About two thirds of accumulations that end in nothing look exactly like those that do not, in the synthetic "
    "worlds it was tried on. An alert says pattern, never harm.",
    "Figures at events and at ticks are of two populations and are never to be compared with each other.",
    "Counts are of cases, a child at a moment: one child may be several. What is withheld is decided by cases.",
    "With a feed behind, a score is a lower bound, and says so.",
)


def as_text(card: Card) -> str:
    """The record in Markdown."""
    main = card["targets"][0]
    return "\n".join([*_tier_1(card, main), *_owner(), *_rationale(card), *_process(card), *_specification(card),
                      *_risks()]) + "\n"  # fmt: skip


def _field(name: str, *text: str) -> Iterator[str]:
    yield f"**{name}**"
    yield ""
    yield from text
    yield ""


def _list(items: Iterable[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _tier_1(card: Card, main: Card) -> Iterator[str]:
    yield f"# Algorithmic transparency record: Sightline in {card['partnership']}"
    yield ""
    yield f"Made from the running configuration (rules version {card['rules_version']}) as of {_day(card['as_of'])}."
    yield ""
    yield "## Tier 1: overview"
    yield ""
    yield from _field("Name", f"Sightline, {card['partnership']}")
    yield from _field(
        "Description",
        "Sightline joins what agencies of a safeguarding partnership record about a household, without any of them "
        "giving up a name, and tells a team when a household reaches a line. What it predicts: "
        f"{main['says']}, within {main['horizon_days']} days. **That is a decision by professionals. "
        "It is not harm, and it is not whether a child is safe.** An alert proposes that a named person looks; "
        "a person decides.",
    )  # fmt: skip
    yield from _field("Website and contact", TO_FILL)


def _owner() -> Iterator[str]:
    yield "## Tier 2, section 1: owner and responsibility"
    yield ""
    for name in ("Organisation", "Team", "Senior responsible owner", "External supplier and its role",
                 "Procurement and terms of the supplier's access to data"):  # fmt: skip
        yield from _field(name, TO_FILL)


def _rationale(card: Card) -> Iterator[str]:
    yield "## Tier 2, section 2: description and rationale"
    yield ""
    yield from _field("Detailed description", *_list(_what(one) for one in card["targets"]))
    yield from _field(
        "Scope",
        f"{_count(card['counts']['children'])} children in households known to {len(card['agencies'])} agencies "
        f"({', '.join(f'{name}: {kind}' for name, kind in card['agencies'].items())}). A child with an open episode, "
        "or whose family is being assessed, is not scored for escalation. State: " + card["phase"] + ".",
        "",
        "It must not be used",
        *_list((
            "to decide anything about a child or family: not to open, refuse, close or prioritise a case by itself",
            "as evidence of harm or of safety, in court, at a conference or in an assessment",
            "to rank workers, teams, schools or areas",
            "for immigration, policing of offences, benefits or any purpose but safeguarding",
            "on a child whose household the partnership's agreement does not cover",
        )),
    )  # fmt: skip
    yield from _field(
        "Benefit",
        "A pattern that no single agency sees reaches a person earlier. How much earlier, and for whom, here: the "
        "figures below and `sightline whatif`.",
    )
    yield from _field("Previous process and alternatives considered", TO_FILL)


def _what(target: Card) -> str:
    said = f"**{target['outcome']}**, {target['horizon_days']} days: {target['says']}"
    alerts = "alerts rest on it" if target["outcome"] == "need_or_plan" else "shown beside; no alert rests on it"
    few = "; too few outcomes yet to say a probability" if target["few"] else ""
    return f"{said}. {alerts[0].upper()}{alerts[1:]}{few}."


def _process(card: Card) -> Iterator[str]:
    rules, counts = card["rules"], card["counts"]
    line = f"fixed at {rules['raise_at']}" if rules["raise_at"] else "moved once a month to meet the budget"
    yield "## Tier 2, section 3: decision-making process"
    yield ""
    yield from _field(
        "Process integration and provided information",
        f"A household that reaches the line (now {_share(card['raise_ppm'])}, {line}) raises one alert, for the "
        "team its child is allocated to, else for the front door. The alert says the reasons in categories with "
        "their weights, which agencies know the child, how fresh their feeds are, when it would clear and by when "
        "somebody should answer. Names are put back only at an agency that already holds them.",
    )
    yield from _field(
        "Frequency and scale",
        *_list((
            f"budget: {rules['budget_per_1000_month']:g} alerts per 1,000 children a month; at most "
            f"{rules['burst_days']:g} days of it at once, the rest queued, highest first",
            f"raised so far: {_count(counts['raised'])}; had to wait for room: {_count(counts['queued'])}",
            f"clears at {rules['clear_ratio']:g} of the line after {rules['clear_dwell_days']} days; steps down at "
            f"{rules['step_down_ratio']:g} of it after {rules['step_down_dwell_days']} days",
        )),
    )  # fmt: skip
    yield from _field(
        "Human decisions and review",
        "Every alert is answered by a named person, who acknowledges, assigns, snoozes, acts or closes; nothing "
        "happens to a family without one. Rules, lines, outcomes and weights to begin with take effect by a control "
        "that two named people sign, after `sightline whatif` showed what it would change. "
        f"Escalated because nobody answered in time: {_count(counts['unread'])}.",
    )
    yield from _field("Required training", TO_FILL)
    yield from _field(
        "Appeals and review",
        "Any person who has an alert can dispute its score (`dispute_score`); it is kept with the responses. A "
        "fact that is wrong is corrected at the agency that holds it: score and alert follow at once, and an alert "
        "that would not have risen is retracted with its reason. How a family asks: " + TO_FILL + ".",
    )


def _specification(card: Card) -> Iterator[str]:
    yield "## Tier 2, section 4: tool specification"
    yield ""
    yield from _field(
        "System architecture, input and output",
        "Agencies send keyed encodings and coded events; the platform links, scores and alerts in one ordered "
        "journal that can be replayed to the same scores. Output: alerts, and a household's probabilities with "
        "reasons, cut to what each agency may see.",
    )
    yield from _field(
        "Maintenance",
        f"Weights are published every {card['rules']['publish_days']} days, never in between; at each publication "
        "all figures below are made anew.",
    )
    yield from _field(
        "Source data",
        f"Coded events and statuses of {', '.join(card['agencies'])}; codes found in text at "
        f"{', '.join(card['enriched']) or 'none'}. Features, each a decayed count of a household's events, or what "
        "follows from them:",
        "",
        *_list(f"`{name}`: {_words(name)}" for name in card["features"]),
        "",
        "Never a feature:",
        "",
        *_list(NEVER),
    )
    yield from _field(
        "Storage and retention",
        "Logs are kept 28 days and live on as newer state. An example that taught is kept without a key to a person "
        "once its labels are known. A deleted record is gone from state at once and from every log within 28 days.",
    )
    yield from _field("Legal basis and data sharing agreements", TO_FILL)
    for target in card["targets"]:
        yield from _model(target)
    yield f"Withheld: {card['withheld']}."
    yield ""


def _model(target: Card) -> Iterator[str]:
    yield f"### Model: {target['outcome']}, {target['horizon_days']} days"
    yield ""
    yield from _list((
        f"task: the probability that {target['says']}, within {target['horizon_days']} days",
        f"version and stage: {target['model']} of {_day(target['published_at'])}: {STAGES[target['stage']]}",
        f"architecture: logistic regression; learned online from labels of {target['label_days']} days, known "
        f"{target['grace_days']} days later, then calibrated to {target['horizon_days']} days",
        f"learned from {_count(target['examples'])} examples; {_count(target['censored'])} children left before "
        f"their label was known; {_count(target['kept_out'])} kept out because somebody acted",
    ))  # fmt: skip
    yield ""
    yield from _figures(target["figures"])
    yield "| feature | weight | in words |"
    yield "|---|---:|---|"
    yield f"| (base) | {_signed(target['intercept'])} | log-odds where nothing is known |"
    for one in target["weights"]:
        yield f"| `{one['feature']}` | {_signed(one['weight'])} | {_effect(one)} |"
    yield ""


def _effect(one: Card) -> str:
    if one["says"] == "nothing":
        return "says nothing"
    return f"{one['says']} the odds: one unit more multiplies them by {one['odds_milli'] / 1000:.3f}"


ROWS: Final = (
    ("AUC", "auc"), ("log loss", "log_loss"), ("observed / expected", "observed_expected"), ("slope", "slope"),
    ("ECE", "ece"), ("ECE above .1", "ece_high"), ("precision at the line", "precision"),
)  # fmt: skip


def _figures(told: Card | None) -> Iterator[str]:
    if told is None:
        yield "No figures yet: they are made at the first publication."
        yield ""
        return
    line = _share(told["line_ppm"]) if told["line_ppm"] else NONE
    yield (
        f"Figures of {_day(told['made_at'])}; line {line}; calibration slope "
        f"{_number(told['slope'])}, shift {_number(told['shift'])}; calibrations refused: {told['refused']}."
    )
    yield ""
    for kind in ("events", "ticks"):
        yield from _cases(kind, told[kind])
    due = "people are asked to review the model" if told["review"] else "no review is due"
    yield f"Publications in a row with the counting rule ahead: {told['challenger_ahead']}; {due}."
    yield ""
    if drift := told["drift"]:
        yield from _drift(drift)


def _cases(kind: str, cases: Card) -> Iterator[str]:
    n, positives = (_count(cases[name]) for name in ("n", "positives"))
    yield f"At {kind}: {n} cases, {positives} with the outcome."
    yield ""
    yield "| | model | counting rule |"
    yield "|---|---:|---:|"
    for words, name in ROWS:
        yield f"| {words} | {_number(cases['model'][name])} | {_number(cases['challenger'][name])} |"
    yield ""
    acted = cases["acted"]
    if acted is None:
        yield "Somebody acted: withheld."
    else:
        yield (
            f"Somebody acted: {acted['n']:,} cases, {acted['positives']:,} with the outcome all the same, "
            f"{acted['expected_ppm'] / MICRO:.1f} expected."
        )
    yield ""
    if cases["groups"]:
        yield from _groups(cases["groups"])


def _groups(groups: Sequence[Card]) -> Iterator[str]:
    yield "| group | cases | with the outcome | AUC | observed / expected | precision at the line |"
    yield "|---|---:|---:|---:|---:|---:|"
    for one in groups:
        counts = (_count(one[name]) for name in ("n", "positives"))
        made = (_number(one[name]) for name in ("auc", "observed_expected", "precision"))
        yield f"| {one['group'] or 'not recorded'} | {' | '.join((*counts, *made))} |"
    yield ""


def _drift(drift: Card) -> Iterator[str]:
    now, reference = drift["p99_ppm"]
    means = ", ".join(f"{_number(one)} (then {_number(then)})" for one, then in drift["means"])
    yield (
        f"Drift over {drift['n']:,} households at their last tick, against the first four weeks: population "
        f"stability index {_number(drift['psi'])}; one household in a hundred scores above {_share(now)} (then "
        f"{_share(reference)}); mean of each kind of agency's feature {means}."
    )
    yield ""


def _risks() -> Iterator[str]:
    yield "## Tier 2, section 5: risks, mitigations and impact assessments"
    yield ""
    yield from _field("Impact assessments", TO_FILL)
    yield from _field("Known limits", *_list(LIMITS))


def _words(name: str) -> str:
    if name.startswith("agency_"):
        return f"events recorded by {name.removeprefix('agency_').replace('_', ' ')}, the last four months"
    if name.startswith("age_"):
        return f"age of the child: {name.removeprefix('age_').replace('_', ' to ')}"
    if name.startswith("again_"):
        return f"events recorded by {name.removeprefix('again_').replace('_', ' ')} beyond the first, four months"
    return FEATURES.get(name, f"events about {name.replace('_', ' ')}")


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat() if at_ms else "no publication yet"


def _count(number: int | None) -> str:
    return WITHHELD if number is None else f"{number:,}"


def _share(ppm: int) -> str:
    return f"{ppm / MICRO:.6f}"


def _number(micro: int | None) -> str:
    return NONE if micro is None else f"{micro / MICRO:.6f}"


def _signed(micro: int) -> str:
    return f"{micro / MICRO:+.6f}"
