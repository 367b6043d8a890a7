"""The pages on which rules are changed by two persons: drafted by one, looked at and signed by another, sent.

Decides who may: governance with an approver's key at this desk, to everybody else the pages do not exist; and that a
key is used only by its owner, just after proving again who they are. Every step is in the audit before it is taken.
What a draft needs is in controls_drafts.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk import standing, words
from bridge.desk.desk import Desk, User, desk_of, has_role, limit, own_frame, render, signed_in
from bridge.desk.forms import posted
from bridge.desk.oversight import controls_body as bodies
from bridge.desk.oversight import controls_drafts as drafts
from bridge.desk.oversight import controls_words
from bridge.desk.oversight.controls_body import Bad
from bridge.desk.oversight.controls_drafts import Draft, InForce
from bridge.desk.oversight.controls_keys import Governance
from bridge.desk.send import NotSent
from bridge.desk.stepup import HOLDS_MS, require_step_up, stepped_up
from bridge.desk.views import for_everyone
from schemas.control import statement
from schemas.preview import digest

REASON_LEAST: Final = 10
REASON_MAX: Final = 2_000
AHEAD_DAYS: Final = 366  # the platform takes nothing later
DRAFTS_AN_HOUR: Final = 20
ASKED_AN_HOUR: Final = 12  # as the platform runs at most
HOUR_S: Final = 3600
STEPPED_UP_MIN: Final = HOLDS_MS // 60_000
NOT_SENT: Final = "It was not sent: the platform could not be reached. Try again."


class Approver(NamedTuple):
    """A user who may draft and sign, and what they do it with."""

    user: User
    desk: Desk
    governance: Governance

    async def record(self, action: str, draft_id: str, **facts: str | int) -> None:
        """Write to the audit what is about to happen."""
        user, about = self.user.account.user, (draft_id,) if draft_id else ()
        await asyncio.to_thread(lambda: self.desk.audit.record(user, action, about, **facts))

    async def keep(self, kind: str, about: tuple[str, ...], body: dict[str, Any]) -> str:
        """Keep an entry; its id."""
        entry = await asyncio.to_thread(self.desk.records.append, kind, about, self.user.account.user, body)
        return entry.id


async def controls(request: Request) -> Response:
    """How the partnership's controls stand, for everybody; and drafts, for who may change them."""
    user, desk = await signed_in(request), desk_of(request)
    now, rows = desk.now(), await desk.inbox.controls()
    rules = next((row for row in rows if row["name"] == drafts.RULES), None)
    found = drafts.newest(desk.records) if _may(desk, user) else []
    said = {
        "controls": standing.standings(rows, now),
        "holidays": standing.holidays(await desk.inbox.freshness("holidays"), now),
        "may_change": _may(desk, user),
        "drafts": [controls_words.line(one, rules, _names(desk), now, desk.wall()) for one in found],
    }
    return await for_everyone(request, user, "controls.html", "controls", said)


async def change(request: Request) -> Response:
    """The form of a change, from the rules in force or from a draft that it is to replace."""
    approver = await _approver(request)
    require_step_up(request, approver.user)
    replaced = await _draft(request, approver) if "draft" in request.path_params else None
    await approver.record("control_form", replaced.entry.id if replaced else "", name=drafts.RULES)
    return await _form(request, approver, replaced)


async def draft(request: Request) -> Response:
    """Keep a change with its first signature, and ask the platform what it would have changed."""
    approver = await _approver(request)
    form = await posted(request, approver.user)
    async with approver.governance.one_by_one:
        replaced = await _draft(request, approver) if "draft" in request.path_params else None
        try:
            kept = await _drafted(approver, replaced, form)
        except Bad as bad:
            return await _form(request, approver, replaced, form, str(bad))
    made = await asyncio.to_thread(drafts.read, approver.desk.records, kept)
    if made is not None:
        await _ask(approver, made)
    return _to(kept)


async def show(request: Request) -> Response:
    """One draft: what it alters, what it would have changed, who signed, and what can be done."""
    approver = await _approver(request)
    return await _page(request, approver, await _draft(request, approver))


async def whatif(request: Request) -> Response:
    """What the platform says of a draft, fetched by an open page; nothing new until it has answered."""
    approver = await _approver(request, prolong=False)
    found = await _draft(request, approver)
    context = await _said(approver, found)
    if context["whatif"] is None:
        return Response(status_code=204)
    return render("oversight/control_whatif.html", {**context, "csrf": approver.user.session.csrf})


async def ask(request: Request) -> Response:
    """Ask the platform once more."""
    approver = await _approver(request)
    await posted(request, approver.user)
    found = await _draft(request, approver)
    if not found.waits:
        return _to(found.entry.id)
    await limit(approver.desk, "control_whatif", approver.user, ASKED_AN_HOUR, HOUR_S)
    sent = await _ask(approver, found)
    return _to(found.entry.id) if sent else await _page(request, approver, found, NOT_SENT, 503)


async def sign(request: Request) -> Response:
    """The second signature; then it is sent."""
    approver = await _approver(request)
    user, desk, governance = approver
    form = await posted(request, user)
    found = await _draft(request, approver)
    require_step_up(request, user, f"/controls/drafts/{found.entry.id}")
    async with governance.one_by_one:
        found = await _draft(request, approver)
        preview = await _preview(desk, found)
        outcome = preview["outcome"] if preview else "none"
        try:
            _may_without(outcome, form)
            said = found.statement(desk.config.partnership)
            await approver.record("control_sign", found.entry.id, version=found.version, whatif=outcome,
                                  body=_hash(found.body))  # fmt: skip
            second = await asyncio.to_thread(governance.keys.sign, user.account.user, said)
            drafts.check_second(found, user.account.user, second, await _row(desk))
        except Bad as bad:
            return await _page(request, approver, found, str(bad), 400)
        await approver.keep(drafts.SIGNED, (drafts.about(found.entry.id),), drafts.signed(second))
        return await _send(request, approver)


async def send(request: Request) -> Response:
    """Send once more what two have signed and what did not arrive."""
    approver = await _approver(request)
    await posted(request, approver.user)
    found = await _draft(request, approver)
    require_step_up(request, approver.user, f"/controls/drafts/{found.entry.id}")
    async with approver.governance.one_by_one:
        return await _send(request, approver)


async def withdraw(request: Request) -> Response:
    """A draft is given up; either approver may."""
    approver = await _approver(request)
    await posted(request, approver.user)
    async with approver.governance.one_by_one:
        found = await _draft(request, approver)
        if found.sent is None and found.withdrawn is None:
            await _withdraw(approver, found)
    return _to(found.entry.id)


async def _drafted(approver: Approver, replaced: Draft | None, form: FormData) -> str:
    """Sign and keep what a form drafts, in the place of another where one is replaced; its id.

    Raises:
        Bad: It cannot be drafted.
    """
    user, desk, governance = approver
    held = drafts.in_force(await _row(desk))
    if not stepped_up(user, desk.wall()):
        raise Bad(f"You confirmed that it is you more than {STEPPED_UP_MIN} minutes ago. Do so again in another tab, "
                  "then sign here")  # fmt: skip
    if held is None:
        raise Bad("The platform has not told of the rules in force")
    if replaced is not None and replaced.second is not None:
        raise Bad("Two have signed it already. Draft a new change")
    kept = _fields(desk, form, held)
    await limit(desk, "control_draft", user, DRAFTS_AN_HOUR, HOUR_S)
    await approver.record("control_draft", "", name=drafts.RULES, version=kept["version"], body=_hash(kept["body"]))
    said = statement(desk.config.partnership, drafts.RULES, kept["version"], kept["effective_at"], kept["body"])
    first = await asyncio.to_thread(governance.keys.sign, user.account.user, said)
    if replaced is not None and replaced.withdrawn is None:
        await _withdraw(approver, replaced)
    return await approver.keep(drafts.DRAFT, ("control:rules",), {**kept, **drafts.signed(first)})


async def _send(request: Request, approver: Approver) -> Response:
    found = await _draft(request, approver)
    if found.sent is not None or found.withdrawn is not None:
        return _to(found.entry.id)
    try:
        message = drafts.control(found, approver.desk.config.partnership, approver.governance.keys)
    except Bad as bad:
        return await _page(request, approver, found, str(bad), 400)
    known = drafts.refusals(await _row(approver.desk))
    await approver.record("control_send", found.entry.id, version=found.version, body=_hash(found.body))
    try:
        await asyncio.to_thread(approver.governance.sender.control, message)
    except NotSent:
        return await _page(request, approver, found, NOT_SENT, 503)
    await approver.keep(drafts.SENT, (drafts.about(found.entry.id),), {"refusals": known})
    return _to(found.entry.id)


async def _withdraw(approver: Approver, found: Draft) -> None:
    await approver.record("control_withdraw", found.entry.id, version=found.version)
    await approver.keep(drafts.WITHDRAWN, (drafts.about(found.entry.id),), {})


async def _ask(approver: Approver, found: Draft) -> bool:
    """Whether the platform was asked; a draft stands all the same."""
    await approver.record("control_whatif", found.entry.id, version=found.version, body=_hash(found.body))
    asked = drafts.to_preview(found, approver.desk.config.partnership)
    try:
        await asyncio.to_thread(approver.governance.sender.draft, asked)
    except NotSent:
        return False
    return True


def _may(desk: Desk, user: User) -> bool:
    keys = desk.governance.keys if desk.governance else None
    return keys is not None and "governance" in user.account.roles and keys.may(user.account.user)


async def _approver(request: Request, prolong: bool = True) -> Approver:
    """Who may change rules at this desk.

    Raises:
        HTTPException: 404 for everybody else.
    """
    user, desk = await signed_in(request, prolong), desk_of(request)
    has_role(user, "governance")
    if desk.governance is None or not _may(desk, user):
        raise HTTPException(404)
    return Approver(user, desk, desk.governance)


async def _draft(request: Request, approver: Approver) -> Draft:
    found = await asyncio.to_thread(drafts.read, approver.desk.records, request.path_params["draft"])
    if found is None:
        raise HTTPException(404)
    return found


async def _row(desk: Desk) -> dict[str, Any] | None:
    return next((row for row in await desk.inbox.controls() if row["name"] == drafts.RULES), None)


async def _preview(desk: Desk, found: Draft) -> dict[str, Any] | None:
    """What the platform said of this very draft."""
    said = await desk.inbox.preview(found.entry.id)
    ours = said is not None and said["partnership"] == desk.config.partnership
    return said if ours and said is not None and said["digest"] == digest(found.body) else None


def _may_without(outcome: str, form: FormData) -> None:
    """What the platform would refuse is not signed; what it did not compare is signed with open eyes.

    Raises:
        Bad: It may not be signed so.
    """
    if outcome == "refused":
        raise Bad("The platform would refuse these rules. Change the draft")
    if outcome != "compared" and form.get("without") != "yes":
        raise Bad("There is no comparison. Tick that you sign without one, or wait for it")


def _fields(desk: Desk, form: FormData, held: InForce) -> dict[str, Any]:
    """What a form drafts.

    Raises:
        Bad: It cannot be drafted.
    """
    given = {name: str(value).strip() for name, value in form.items()}
    body = bodies.from_text(given["text"], held.body) if "text" in given else bodies.with_numbers(held.body, given)
    reason = given.get("reason", "")
    if not REASON_LEAST <= len(reason) <= REASON_MAX:
        raise Bad(f"Why: expected a sentence or more, at most {REASON_MAX:,} characters")
    return drafts.fields(held, _moment(given, desk.now()), body, reason)


def _moment(given: dict[str, str], now: int) -> int:
    """Date and time in London, ms; what has passed means at once.

    Raises:
        Bad: It is none, or too far ahead.
    """
    try:
        day, hour = date.fromisoformat(given.get("day", "")), time.fromisoformat(given.get("time", ""))
        at = int(datetime.combine(day, hour.replace(tzinfo=None), tzinfo=words.LONDON).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Bad("From: expected a date and a time") from None
    if at > now + AHEAD_DAYS * 24 * 3_600_000:
        raise Bad(f"From: expected a date within {AHEAD_DAYS} days")
    return max(at, 0)


async def _form(
    request: Request, approver: Approver, replaced: Draft | None, form: FormData | None = None, problem: str = ""
) -> Response:
    desk, held = approver.desk, drafts.in_force(await _row(approver.desk))
    body = replaced.body if replaced else held.body if held else ""
    values = bodies.as_texts(bodies.chosen(body)) if body else {}
    tomorrow = datetime.fromtimestamp(desk.now() / 1000, UTC).astimezone(words.LONDON).date() + timedelta(days=1)
    values |= {"day": tomorrow.isoformat(), "time": "00:00", "reason": replaced.reason if replaced else "",
               "text": body}  # fmt: skip
    values |= {name: str(value) for name, value in (form or {}).items()}
    context = {
        "held": held,
        "replaced": replaced.entry.id if replaced else "",
        "labels": bodies.LABELS,
        "hours": [(name, desk.config.team_name(name.removeprefix(bodies.RESPOND)))
                  for name in values if name.startswith(bodies.RESPOND)],
        "values": values,
        "as_text": form is not None and "text" in form,
        "problem": problem,
        "minutes": STEPPED_UP_MIN,
        "page": "controls",
    }  # fmt: skip
    framed = {**await own_frame(request, approver.user), **context}
    return render("oversight/control_change.html", framed, 400 if problem else 200)


async def _page(request: Request, approver: Approver, found: Draft, problem: str = "", status: int = 200) -> Response:
    await approver.record("control_read", found.entry.id, version=found.version)
    framed = {**await own_frame(request, approver.user), **await _said(approver, found)}
    return render("oversight/control_draft.html", {**framed, "problem": problem, "page": "controls"}, status)


async def _said(approver: Approver, found: Draft) -> dict[str, Any]:
    """What a page shows of a draft."""
    desk, row = approver.desk, await _row(approver.desk)
    preview, now = await _preview(desk, found), desk.now()
    by = _names(desk)
    signed = [(by(found.entry.user), found.first.approver, words.moment(found.entry.at, desk.wall()))]
    if found.second is not None:
        name = found.second.body["approver"]
        signed.append((by(found.second.user), name, words.moment(found.second.at, desk.wall())))
    return {
        "draft": found,
        "id": found.entry.id,
        "status": controls_words.status(found, row, now),
        "effect": controls_words.takes_effect(found, now),
        "differences": controls_words.changes(found),
        "signed": signed,
        "whatif": controls_words.preview(preview, now) if preview else None,
        "measures": tuple(controls_words.MEASURES.values()),
        "own": found.entry.user == approver.user.account.user,
        "stale": drafts.stale(found, row),
        "open": found.sent is None and found.withdrawn is None,
        "unsent": found.second is not None and found.sent is None and found.withdrawn is None,
    }  # fmt: skip


def _names(desk: Desk) -> Any:
    def name(user: str) -> str:
        account = desk.accounts.user(user)
        return account.name if account else "somebody who has left"

    return name


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _to(draft_id: str) -> Response:
    return RedirectResponse(f"/controls/drafts/{draft_id}", status_code=303)
