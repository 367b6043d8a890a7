"""What follows from a change: links, presence notices, scores, alerts, views.

Decides the order in which the pure packages are asked, and which of their answers leave. The answers themselves are
theirs: streams/linkage, streams/presence, streams/alerting; the tables of the week are streams/weekly.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from schemas.alert import MOVED, OUT_OF_HOURS, UNREAD
from schemas.profile import Profile as WireProfile
from streams import figures, reviewing, weekly
from streams.alerting.grouping import parted
from streams.alerting.notice import Notice
from streams.linkage.graph import Kind, LinkDelta
from streams.linkage.identity import Identity
from streams.outbox import AlertOut, HouseholdOut, LinkOut, PresenceOut, Reader
from streams.partnership import Partnership
from streams.risk.contribution import Contribution

SHOWN_STEP_PPM: Final = 5_000  # a smaller move of a score is not published again
HANDED: Final = {UNREAD: "unread", OUT_OF_HOURS: "copied", MOVED: "moved"}
"""Corrections by which an alert comes to another team, as they are counted."""
PAIR: Final = 2
LINK_ACTIONS: Final[dict[str, Kind]] = {"must_link": "must", "cannot_link": "cannot"}


def linked(p: Partnership, rid: bytes, identity: Identity, now: int, committed_at: int) -> None:
    """A record came or changed."""
    _follow(p, p.links.upsert(rid, identity), "upsert", now, committed_at)


def unlinked(p: Partnership, rid: bytes, now: int, committed_at: int) -> None:
    """A record went, with all that was kept of it."""
    p.drop_events(rid)
    p.notices.forget(rid)
    household = p.graph.household(rid) if rid in p.graph.identities else rid
    _say(p, p.watch.touched((household,), now, committed_at, undone=True))
    _follow(p, p.links.delete(rid), "delete", now, committed_at)


def _follow(p: Partnership, delta: LinkDelta, cause: str, now: int, committed_at: int | None) -> None:
    """Carry a change of links to the operators, to presence and to the watch."""
    if delta.clusters_before or delta.clusters_after:
        p.emit("link", "", LinkOut(now, cause, p.graph.model.version, delta.clusters_before, delta.clusters_after))
        if p.all_live:
            moved = sorted({rid for cluster in delta.clusters_after for rid in cluster})
            _present(p, p.notices.relinked(moved, now))
    if delta.households_before or delta.households_after:
        _say(p, p.watch.moved(delta.households_before, delta.households_after, now, committed_at))
        for household in sorted({members[0] for members in (*delta.households_before, *delta.households_after)}):
            _show(p, household, now)
    _regrouped(p, delta, now, committed_at)
    reviewing.followed(p, delta, now)
    reviewing.regrouped(p, delta, now)


def _regrouped(p: Partnership, delta: LinkDelta, now: int, committed_at: int | None) -> None:
    """Who is one person changed within households that stayed: they have more or fewer children than before."""
    moved = {rid for members in delta.households_after for rid in members}
    stayed = sorted({rid for cluster in delta.clusters_after for rid in cluster} - moved)
    if stayed:
        undone = parted(delta.clusters_before, delta.clusters_after)
        _say(p, p.watch.touched(stayed, now, committed_at, undone=undone))
        for household in sorted({p.graph.household(rid) for rid in stayed}):
            _show(p, household, now)


def profiled(p: Partnership, rid: bytes, profile: WireProfile | None, now: int, committed_at: int) -> None:
    """A record's profile came, changed or went."""
    _present(p, p.notices.profile(rid, p.tables["records"][rid].agency, profile, now))
    _touch(p, rid, now, committed_at, undone=False)
    reviewing.profiled(p, rid, now)


def happened(p: Partnership, event: bytes, contribution: Contribution, now: int, committed_at: int) -> None:
    """An event came or was corrected."""
    known: Contribution | None = p.tables["events"].get(event)
    undone = known is not None
    p.put_event(event, contribution)
    if known is not None and known.record != contribution.record:  # it is of another record now
        _touch(p, known.record, now, committed_at, undone=True)
    if contribution.contact:
        agency = p.tables["records"][contribution.record].agency
        _present(p, p.notices.contact(
            event, contribution.record, agency, contribution.occurred_at, p.all_live, now, committed_at,
        ))  # fmt: skip
    elif undone:
        p.notices.withdraw(event, now)
    p.watch.event_known(event, contribution)
    if p.tables["records"][contribution.record].live:
        _say(p, p.watch.happened(contribution, now, committed_at, undone=undone))
        _show(p, p.graph.household(contribution.record), now)


def withdrawn(p: Partnership, event: bytes, rid: bytes, now: int, committed_at: int) -> None:
    """An event was deleted at its source."""
    p.drop_event(event)
    p.notices.withdraw(event, now)
    _touch(p, rid, now, committed_at, undone=True)


def _touch(p: Partnership, rid: bytes, now: int, committed_at: int, *, undone: bool) -> None:
    if p.tables["records"][rid].live:
        _say(p, p.watch.touched((rid,), now, committed_at, undone=undone))
        _show(p, p.graph.household(rid), now)


def feed_live(p: Partnership, now: int) -> None:
    """A source has sent its history; with the last of them the partnership goes live."""
    if p.all_live:
        p.watch.golive(now)


def respond(p: Partnership, now: int, agency: str, response: Any) -> str:
    """Apply what a named person decided.

    Returns:
        `applied` or `duplicate`.

    Raises:
        ValueError: It cannot be applied.
    """
    if response["agency"] != agency:
        raise ValueError("wrong_agency")
    if response["response_id"] in p.tables["responses"]:
        return "duplicate"
    if kind := LINK_ACTIONS.get(response["action"]):
        _assert_pair(p, agency, response, kind, now)
    elif _disputes_another(p, agency, response) or p.watch.respond(response, now) is not None:
        raise ValueError("bad_response")
    p.tables["responses"][response["response_id"]] = now
    return "applied"


def _assert_pair(p: Partnership, agency: str, response: Any, kind: Kind, now: int) -> None:
    """A named person says that two records are, or are not, one person: a suggestion's, or two of their own."""
    if response["alert_id"] and not response["records"]:
        one, other = reviewing.pair(p, agency, response["alert_id"])
    else:
        one, other = _own_pair(p, agency, response["records"])
    reviewing.decided(p, one, other, kind)
    _follow(p, p.links.assert_pair(one, other, kind), "assertion", now, None)


def _disputes_another(p: Partnership, agency: str, response: Any) -> bool:
    """Whether a disputed link is said to be of a record that is not the agency's own."""
    rids = response["records"] if response["action"] == "dispute_link" else ()
    known = [p.tables["records"].get(rid) for rid in rids]
    return len(rids) > PAIR or any(record is None or record.agency != agency for record in known)


def _own_pair(p: Partnership, agency: str, records: list[bytes]) -> tuple[bytes, bytes]:
    known = [p.tables["records"].get(rid) for rid in records]
    if len(records) != PAIR or any(record is None or record.agency != agency for record in known):
        raise ValueError("bad_response")
    return records[0], records[1]


def advance(p: Partnership, now: int, *, tick: bool) -> None:
    """What time alone changes; last on every message."""
    if tick:
        for rid in p.expired(now):
            p.count(p.tables["records"][rid].agency, "orphan")
            p.drop_events(rid)
            p.notices.forget(rid)
            del p.tables["records"][rid]
        p.notices.tick(now)
    _say(p, p.watch.advance(now))
    if p.register is None:
        return
    if (takeover := p.links.advance()) is not None:
        _follow(p, takeover.delta, takeover.cause, now, None)
        reviewing.restart(p)
    reviewing.advance(p, now)
    _tell_model(p, now)
    figures.tell(p, now)
    if tick:
        _tell_feeds(p, now)
        weekly.tell(p, now)


def _say(p: Partnership, notices: Iterable[Notice]) -> None:
    register = p.register
    for notice in notices:
        if register is None:
            raise RuntimeError("an alert without a register")
        if notice.team in register.teams:
            team = notice.team
        elif notice.aside:
            continue
        else:
            team = register.front_door()
        agency = register.teams[team].agency
        p.emit("alert", team, AlertOut(notice, agency, register.agencies[agency].rung, p.own(agency, notice.records)))
        _show(p, notice.household, notice.changed_at, always=True)
        if (
            notice.state == "updated"
            and notice.correction in HANDED
            and (notice.aside == (notice.correction == OUT_OF_HOURS))
        ):
            p.count(agency, HANDED[notice.correction])
        if notice.state in {"raised", "updated"}:
            reviewing.explained(p, notice.household, agency, notice.changed_at)


def _present(p: Partnership, notices: Iterable[dict[str, Any]]) -> None:
    for notice in notices:
        agency = p.registered().teams[notice["team"]].agency
        own = p.own(agency, notice["records"])
        p.emit("presence", notice["team"], PresenceOut({**notice, "records": ()}, agency, own))


def _show(p: Partnership, household: bytes, now: int, *, always: bool = False) -> None:
    """Publish a household's score to the agencies that hold it, when it moved enough to matter."""
    if p.watch.phase != "live":
        return
    score_ppm = p.watch.score_ppm(household, now)
    before: int | None = p.tables["shown"].get(household)
    if score_ppm is None:
        _hide(p, household, before, now)
        return
    if not always and before is not None and abs(score_ppm - before) < SHOWN_STEP_PPM:
        return
    p.tables["shown"][household] = score_ppm
    held: dict[str, list[bytes]] = {}
    for rid in p.graph.household_records(household):
        held.setdefault(p.tables["records"][rid].agency, []).append(rid)
    readers = tuple(_reader(p, agency, held[agency]) for agency in sorted(held))
    model, reasons = p.watch.reasons(household, now)
    outlook, outcomes = p.watch.outlook(household, now), p.watch.foreseen(household, now)
    p.emit("household", "", HouseholdOut(
        household, now, readers, score_ppm, model, reasons, p.behind(now), outlook, outcomes,
    ))  # fmt: skip


def _reader(p: Partnership, agency: str, records: list[bytes]) -> Reader:
    people = tuple(sorted({p.graph.cluster(rid) for rid in records}))
    return Reader(agency, p.registered().agencies[agency].rung, tuple(records), people)


def _hide(p: Partnership, household: bytes, before: int | None, now: int) -> None:
    """Take a household that is no more out of every view."""
    if before is None:
        return
    del p.tables["shown"][household]
    agencies = p.registered().agencies
    readers = tuple(Reader(agency, agencies[agency].rung) for agency in sorted(agencies))
    p.emit("household", "", HouseholdOut(household, now, readers))


def _tell_feeds(p: Partnership, now: int) -> None:
    p.tell("freshness:feeds", {"behind": [agency for agency, _ in p.behind(now)]}, now)


def _tell_model(p: Partnership, now: int) -> None:
    model = p.watch.model
    current = (p.watch.phase, model.version, model.stage)
    if current != p.model_told:
        p.model_told = current
        p.tell("model:score", {"phase": current[0], "version": current[1], "stage": current[2]}, now)
