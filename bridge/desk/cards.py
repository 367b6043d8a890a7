"""Cards of the inbox: alerts as its users see them, each written once for all who see the same.

Decides what a card is made with, and that it is written without names and without a session: names are put in for
the user who reads, after the audit has the read, and are kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from bridge.desk import pages
from bridge.desk.access.gate import Reach
from bridge.desk.desk import Desk, macro
from bridge.desk.duty.wording import Held
from bridge.desk.names import Named
from bridge.desk.rungs import cut_alert

TICK_MS: Final = 10_000  # what a card says of the time may be so old
PEOPLE: Final = Markup("<!--people-->")  # where names go; no text can be this, for `<` is escaped


@dataclass(frozen=True)
class Seen:
    """An alert as a user sees it: cut to their reach."""

    alert: Mapping[str, Any]
    reach: Reach
    cut: Mapping[str, Any]


def seen(desk: Desk, alert: Mapping[str, Any], reach: Reach) -> Seen:
    """An alert, cut; its `cut` is empty where the user may see nothing of it."""
    return Seen(alert, reach, desk.memo.of(alert, reach.signature, lambda: cut_alert(alert, reach, desk.config)))


def card(desk: Desk, one: Seen, held: Held, names: Mapping[bytes, Named], take: bool) -> Markup:
    """The card of an alert.

    Args:
        desk: Desk.
        one: The alert.
        held: How it stands.
        names: Names of its records, as far as they were read.
        take: It may be taken: the card has the button, which sends the page's own form.
    """
    people = [names[record] for record in one.cut.get("records", ()) if record in names]
    tick = desk.now() // TICK_MS

    def make() -> list[Markup]:
        row = pages.row(one.cut, {}, held, desk.config, tick * TICK_MS)
        return macro("card")(row, PEOPLE if people else "", take).split(PEOPLE)

    parts = desk.memo.of(one.alert, (one.reach.signature, held, bool(people), take, tick), make)
    return macro("people")(people).join(parts)
