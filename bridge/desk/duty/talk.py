"""Challenges and answers as they are posted on an alert's page.

Decides nothing beside challenges.py: this is its way in from a browser.
"""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bridge.desk.access.bases import TEXT_MAX
from bridge.desk.desk import desk_of, signed_in
from bridge.desk.duty import challenges, deeds
from bridge.desk.duty.panel import Mistake
from bridge.desk.forms import posted
from bridge.desk.views import alert_for, alert_page


async def challenge(request: Request) -> Response:
    """A supervisor asks whoever has the alert."""
    user = await signed_in(request)
    desk, form = desk_of(request), await posted(request, user)
    found = team, alert, _ = await alert_for(request, user)
    standing = deeds.of_alert(alert, (await desk.inbox.kept(team)).deeds.get(alert["alert_id"], ()))
    if challenges.SUPERVISOR not in user.account.roles:
        raise HTTPException(404)
    if not challenges.may_challenge(user, standing):
        mistake = Mistake(challenges.CHALLENGE, "Nobody else has it now: there is nobody to ask.", form)
        return await alert_page(request, user, found, mistake, 409)
    if wrong := _wrong(form):
        return await alert_page(request, user, found, Mistake(challenges.CHALLENGE, wrong, form), 400)
    await challenges.ask(desk, user, {**alert, "team": team}, standing.holder, _text(form))
    return _back(alert["alert_id"])


async def answer(request: Request) -> Response:
    """Whom it was put to, or who has the alert now, answers."""
    user = await signed_in(request)
    desk, form = desk_of(request), await posted(request, user)
    found = team, alert, _ = await alert_for(request, user)
    standing = deeds.of_alert(alert, (await desk.inbox.kept(team)).deeds.get(alert["alert_id"], ()))
    one = challenges.find(desk, alert["alert_id"], request.path_params["challenge"])
    if one is None or not challenges.may_answer(user, standing, one):
        raise HTTPException(404)
    if wrong := _wrong(form):
        return await alert_page(request, user, found, Mistake(one.body["id"], wrong, form), 400)
    await challenges.answer(desk, user, one, _text(form))
    return _back(alert["alert_id"])


def _text(form: FormData) -> str:
    return str(form.get("text", "")).strip()


def _wrong(form: FormData) -> str:
    text = _text(form)
    if not text:
        return "Write something"
    return f"Write at most {TEXT_MAX} characters; these are {len(text)}" if len(text) > TEXT_MAX else ""


def _back(alert_id: str) -> Response:
    return RedirectResponse(f"/alerts/{alert_id}#challenges", status_code=303)
