"""What follows from a control: it comes into force, waits or is refused, and every agency is told which and why.

Decides the order of it and who is told. Whether a control may come into force is decided in streams/controls.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from streams.partnership import Partnership
from streams.registers import BadControl

HOLIDAYS_SHORT_DAYS: Final = 60  # holidays known for less than this ahead are said to be running out


def controlled(p: Partnership, message: Any, now: int) -> str:
    """Take a control that arrives.

    Returns:
        `applied`, also where it waits for its time, or `duplicate`.

    Raises:
        BadControl: It was refused; says why, as every agency is told.
    """
    name = message["name"]
    try:
        row = p.controls.accept(message, p.keyring.governance, now)
        if row is None:
            return "duplicate"
        if row.effective_at > now:
            p.controls.wait(name, row)
        else:
            p.enforce(name, row, now)
    except BadControl as refused:
        p.controls.refuse(name, message["version"], str(refused), now)
        p.count("", "control_refused")
        raise
    finally:
        tell(p, now)
    return "applied"


def advance(p: Partnership, now: int) -> None:
    """Put in force what waited until now; called first on every message, which is then decided by it."""
    if p.controls.next_at > now:
        return
    for name, row in p.controls.due(now):
        try:
            p.controls.check(name, row, now)
            p.enforce(name, row, now)
        except BadControl as refused:
            p.controls.refuse(name, row.version, str(refused), now)
            p.count("", "control_refused")
    tell(p, now)


def tell(p: Partnership, now: int) -> None:
    """Tell every agency how the controls stand, where that changed."""
    if p.register is None:
        return
    for name in p.controls.names():
        p.tell(f"control:{name}", p.controls.shown(name), now)


def tell_holidays(p: Partnership, now: int) -> None:
    """Tell until when holidays are known: after that a bank holiday would count as a working day."""
    until = p.watch.holidays_until
    if p.register is None or until is None:
        return
    soon = (datetime.fromtimestamp(now / 1000, UTC) + timedelta(days=HOLIDAYS_SHORT_DAYS)).date().isoformat()
    p.tell("freshness:holidays", {"until": until, "short": until < soon}, now)
