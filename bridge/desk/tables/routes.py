"""The page of insights, and the list of own households behind a level.

Decides that the tables, being aggregate with small numbers withheld, are for every user; and that a list of
households is in the audit before it is shown, as each name in it is before it is read.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.desk.desk import desk_of, limit, own_frame, render, signed_in
from bridge.desk.stepup import stepped_up
from bridge.desk.tables import households, shown
from bridge.desk.views import for_everyone
from schemas.profile import LEVELS

LISTS_AN_HOUR: Final = 60  # of one user: to look at cases, not to copy them
HOUR_S: Final = 3600


async def insights(request: Request) -> Response:
    """The fixed list of tables, as last published."""
    user, desk = await signed_in(request), desk_of(request)
    tables = [shown.table(name, await desk.inbox.insight(name), desk.config) for name in shown.FORMS]
    levels = [(level, shown.named(level)) for level in LEVELS[1:]]
    return await for_everyone(
        request, user, "tables/insights.html", "insights", {"tables": tables, "levels": levels}
    )  # fmt: skip


async def behind(request: Request) -> Response:
    """Own households with a child at one level."""
    user, desk = await signed_in(request), desk_of(request)
    level = request.query_params.get("level", "")
    if level not in LEVELS:
        raise HTTPException(404)
    frame = await own_frame(request, user)
    team = frame["team"]
    await limit(desk, "households", user, LISTS_AN_HOUR, HOUR_S)
    found = await households.find(desk, user, level)
    listed = tuple(one.household for one in found)
    await asyncio.to_thread(desk.audit.record, user.account.user, "households", listed, team=team, level=level)
    records = tuple(dict.fromkeys(record for one in found for record in one.records))
    names = await desk.names.read(user.account.user, "households", team, records)
    context = {
        "level": shown.named(level),
        "lines": [households.line(one, names) for one in found],
        "most": households.LISTED_MAX,
        "stepped_up": stepped_up(user, desk.wall()),
        "back": f"/insights/households?level={level}",
        "page": "insights",
    }
    return render("tables/households.html", {**frame, **context})


ROUTES: Final = [Route("/insights", insights), Route("/insights/households", behind)]
