"""What a user does about an alert: taken from a form, in the audit, sent, and then said to be done.

Decides the order, so that nothing is half done: the audit before it is sent, the note before that, and `sent` in the
audit once the platform has it. What was not sent counts for nobody, here or after a restart, and what the user typed
is still in the form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk.desk import desk_of, signed_in
from bridge.desk.duty import deeds
from bridge.desk.duty.allowed import CALL, SUMMARY, allowed, refusal, works
from bridge.desk.duty.deeds import DISPUTES, SENT, Deed
from bridge.desk.duty.panel import NOTE, Mistake
from bridge.desk.duty.wishes import READERS, Asked, Wish, Wrong, note
from bridge.desk.forms import posted
from bridge.desk.respond import NotSent, decision
from bridge.desk.views import alert_for, alert_page

NOT_SENT = "It was not recorded: the platform could not be reached. Try again; meanwhile tell your team."


def handler(action: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of one action."""
    return partial(_handle, action)


async def _handle(action: str, request: Request) -> Response:
    user = await signed_in(request)
    desk, form = desk_of(request), await posted(request, user)
    found = team, alert, may = await alert_for(request, user)
    if not works(user.account) or may.top < CALL or (action in DISPUTES and may.joint < SUMMARY):
        raise HTTPException(404)
    standing = deeds.of_alert(alert, (await desk.inbox.kept(team)).deeds.get(alert["alert_id"], ()))
    asked = Asked(desk, user, alert, team, may, form)
    if action not in allowed(alert, standing, may, desk.now()):
        if action == "acknowledge":  # a colleague was first: the page says who
            return RedirectResponse(f"/alerts/{alert['alert_id']}", status_code=303)
        return await alert_page(request, user, found, Mistake(action, refusal(alert, standing), form), 409)
    try:
        wish, text = await READERS[action](asked), note(asked)
    except Wrong as wrong:
        return await alert_page(request, user, found, Mistake(action, str(wrong), form), 400)
    try:
        deed = await do(asked, wish, text)
    except NotSent:
        return await alert_page(request, user, found, Mistake(action, NOT_SENT, form), 503)
    return RedirectResponse(f"/alerts/{alert['alert_id']}?done={deed.n}", status_code=303)


async def do(asked: Asked, wish: Wish, text: str = "") -> Deed:
    """Do it.

    Raises:
        NotSent: It did not reach the platform; nothing was done.
        AuditDown: It cannot be recorded.
    """
    desk, alert, user, decided = asked.desk, asked.alert, asked.user.account.user, wish.decision
    response = decision(desk.config, dict(alert), user, decided, desk.wall())
    about = (alert["alert_id"], *(record.hex() for record in decided.records or ()))
    deed = Deed(
        n=0, at=desk.now(), user=user, action=decided.action, alert_id=alert["alert_id"],
        response=response["response_id"].hex(), version=alert["version"], due_at=alert["respond_by_at"] or 0,
        to=wish.to, until_at=decided.until_at, what=wish.what,
        verdict=decided.verdict if decided.action == "close" else "",
    )  # fmt: skip

    def run() -> int:
        desk.audit.record(user, deed.action, about, team=asked.team, **deeds.facts(deed))
        if text:
            desk.records.append(NOTE, (f"alert:{deed.alert_id}", f"response:{deed.response}"), user, {"text": text})
        desk.responder.send(response)
        return desk.audit.record(user, SENT, about[:1], team=asked.team, response=deed.response)

    done = deeds.numbered(deed, await asyncio.to_thread(run))
    await desk.inbox.did(asked.team, done)
    return done
