"""How a partnership stands, for operators: what must be mended before it turns into a wrong alert or none.

Decides what is worth a gauge. Sets nothing: the worker does. A name is a partnership's or an agency's, never a
person's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from streams.partnership import Partnership


def read(p: Partnership) -> dict[tuple[str, str], int]:
    """Figures as of the partnership's newest message, by (agency or empty, what).

    Returns:
        `behind_s` of each agency once live: 0 within its limit; `pending`: alerts that wait for room in the budget;
        `holidays_left_s`: until bank holidays are not known any more, where there are rules.
    """
    if p.register is None:
        return {}
    now = p.tables["time"].get("now", 0)
    found = {("", "pending"): p.watch.figures()["pending"]}
    if p.watch.holidays_until is not None:
        found["", "holidays_left_s"] = _left_s(p.watch.holidays_until, now)
    if p.watch.phase == "live":
        found |= {(agency, "behind_s"): 0 for agency in p.register.agencies}
        found |= {(agency, "behind_s"): behind_s for agency, behind_s in p.behind(now)}
    return found


def _left_s(until: str, now: int) -> int:
    """Seconds from `now` (ms) to the end of a day, UTC; 0 where it is over or no day is named."""
    if not until:
        return 0
    end = datetime.fromisoformat(until).replace(tzinfo=UTC) + timedelta(days=1)
    return max(0, int(end.timestamp()) - now // 1000)
