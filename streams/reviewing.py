"""What a change of links means for review: who is looked at again, what the desks are told, what is counted.

Decides when: at each change, and once one after the other for all records when a partnership goes live or its links
are made anew. What is suggested and what is counted is decided in streams/linkage (review.py, fairness.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from streams import insights
from streams.alerting.schedule import Roll
from streams.linkage.compare import link_of
from streams.linkage.explain import Explanation, Standing, against, explain
from streams.linkage.graph import Kind, LinkDelta
from streams.linkage.identity import shape
from streams.linkage.joins import joins
from streams.linkage.review import Change, Pass, Suggestion
from streams.outbox import Joined, JoinsOut, Reader, SuggestionOut
from streams.partnership import Partnership

PASS_PER_CALL: Final = 25  # records looked at at each message while a pass is under way, about .5 ms
ONLY: Final = b""  # key of a table's only row


def followed(p: Partnership, delta: LinkDelta, now: int) -> None:
    """Links changed: look again at whom that concerns. Nothing before the first pass, which looks at all."""
    moved = p.graph.take_moved()
    if ONLY not in p.tables["review_pass"]:
        return
    graph, live = p.graph, p.graph.identities
    for group in (*delta.clusters_before, *delta.clusters_after):
        moved.update(group)
    here = [rid for rid in moved if rid in live]
    if p.roll is not None:
        p.roll.exchange([rid for rid in moved if rid not in live], here)
    people = {graph.cluster(rid) for rid in here}
    people.update(group[0] for group in delta.clusters_before)
    _tell(p, p.suggestions.look(graph, people), now)
    for rid in here:
        moved.update(graph.neighbours(rid))
    p.fairness.look(graph, moved)


def profiled(p: Partnership, rid: bytes, now: int) -> None:
    """A record's profile changed, and with it perhaps its group and whether it is a child's."""
    if ONLY in p.tables["review_pass"] and rid in p.graph.identities:
        _tell(p, p.suggestions.look(p.graph, (p.graph.cluster(rid),)), now)
        p.fairness.look(p.graph, (rid,))


def restart(p: Partnership) -> None:
    """Links were made anew: all records are looked at again."""
    if ONLY in p.tables["review_pass"]:
        p.tables["review_pass"][ONLY] = Pass(under_way=True)
        p.roll = None


def advance(p: Partnership, now: int) -> None:
    """Go on with a pass over all records, in their order; the first begins when the partnership is live."""
    row: Pass | None = p.tables["review_pass"].get(ONLY)
    if row is None:
        if p.watch.phase != "live":
            return
        row = Pass(under_way=True)
    if not row.under_way:
        return
    if p.roll is None:
        p.roll = Roll(p.graph.identities)
    batch = p.roll.after(row.reached, PASS_PER_CALL)
    if not batch:
        p.roll = None
    p.tables["review_pass"][ONLY] = Pass(bool(batch), batch[-1] if batch else b"")
    _tell(p, p.suggestions.look(p.graph, batch), now)
    p.fairness.look(p.graph, batch)


def pair(p: Partnership, agency: str, suggestion_id: str) -> tuple[bytes, bytes]:
    """Records of a suggestion that an agency may decide: it holds one of the two.

    Raises:
        ValueError: There is no such suggestion, or it is not this agency's.
    """
    found = p.suggestions.find(suggestion_id)
    if found is None or not p.own(agency, (found.one, found.other)):
        raise ValueError("bad_response")
    return found.one, found.other


def decided(p: Partnership, one: bytes, other: bytes, kind: Kind) -> None:
    """Count what a person says of two records; called before it takes effect."""
    graph = p.graph
    if not {one, other} <= graph.identities.keys():
        return
    people = graph.cluster(one), graph.cluster(other)
    if people[0] == people[1]:
        if kind == "cannot" and graph.said(one).get(other) != "must":
            p.fairness.decided((one, other), "undone")
    elif p.suggestions.between(*people) is not None:
        p.fairness.decided((one, other), "found" if kind == "must" else "apart")


def explained(p: Partnership, household: bytes, agency: str, now: int) -> None:
    """An alert speaks of a household: tell those who hold it, and the team's agency, what joins its people."""
    if household in p.graph.identities and p.graph.household(household) == household:
        p.tables["joined"][household] = agency
        _join(p, household, agency, now)


def regrouped(p: Partnership, delta: LinkDelta, now: int) -> None:
    """Who belongs together changed: what was said of those households is said anew, or taken back."""
    joined, graph = p.tables["joined"], p.graph
    if not joined:
        return
    households = {group[0] for group in (*delta.households_before, *delta.households_after)}
    households.update(graph.household(rid) for group in delta.clusters_after for rid in group)
    for household in sorted(households & joined.keys()):
        agency = joined[household]
        if household not in graph.identities or graph.household(household) != household:
            del joined[household]
        _join(p, household, agency, now)


def _join(p: Partnership, household: bytes, agency: str, now: int) -> None:
    """Tell every agency: whoever may not have it, or no longer, has it taken away."""
    members = p.graph.household_records(household) if household in p.tables["joined"] else ()
    people = [_joined(p, person) for person in members if p.graph.cluster(person) == person]
    readers = []
    for name, entry in sorted(p.registered().agencies.items()):
        own = p.own(name, members)
        readers.append(Reader(name, entry.rung if own or name == agency else 0, own))
    p.emit("joins", "", JoinsOut(household, now, tuple(readers), tuple(filter(None, people))))


def _joined(p: Partnership, person: bytes) -> tuple[Joined, ...]:
    records, made = p.tables["records"], []
    for one, other, link in joins(p.graph, person):
        agencies = records[one].agency, records[other].agency
        if link is None:
            made.append(Joined(one, other, agencies, "asserted"))
            continue
        why = _explained(p, one, other, together=True)
        made.append(Joined(one, other, agencies, why.why, link, against(why)[1]))
    return tuple(made)


def quality(p: Partnership, now: int) -> str | None:
    """Body of the week's table of link quality by group, once a week; None where it has been published."""
    table, row = p.tables["link_insight"], p.tables["review_pass"].get(ONLY)
    if row is None or row.under_way or not insights.due(table.get("links"), now):
        return None
    published = table["links"] = insights.publish_links(table.get("links"), p.tables["link_quality"], now)
    return insights.links_body(published)


def _tell(p: Partnership, changes: Iterable[Change], now: int) -> None:
    """Tell the agencies that hold one of the two records; take it from those that no longer do."""
    for change in changes:
        holding = _holders(p, change.after)
        readers = [
            Reader(agency, entry.rung, holding.get(agency, ()))
            for agency, entry in sorted(p.registered().agencies.items())
            if agency in holding or agency in _holders(p, change.before)
        ]
        out = SuggestionOut(change.suggestion_id, now, tuple(readers))
        if change.after is not None:
            why = _explained(p, change.after.one, change.after.other, together=False)
            rival, lines = against(why)
            out = msgspec.structs.replace(
                out, agencies=tuple(sorted(holding)), link=link_of(change.after.weighed), why=why.why,
                rival=rival, lines=lines,
            )  # fmt: skip
        p.emit("suggestion", "", out)


def _explained(p: Partnership, one: bytes, other: bytes, *, together: bool) -> Explanation:
    """Why two are one or not; a tie says that they are candidates, which graph.explain would work out."""
    known = p.graph.identities
    standing = Standing(said="", candidate=True, together=together)
    return explain(p.graph.model, shape(known[one]), shape(known[other]), standing)


def _holders(p: Partnership, row: Suggestion | None) -> dict[str, tuple[bytes, ...]]:
    """The agencies that hold a suggestion's records, with their own."""
    if row is None:
        return {}
    records = p.tables["records"]
    agencies = {records[rid].agency for rid in (row.one, row.other)}
    return {agency: p.own(agency, (row.one, row.other)) for agency in agencies}
