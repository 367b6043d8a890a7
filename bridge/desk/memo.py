"""What is made of an object, kept while the object is the same one.

Decides when something is made anew: where the object is another, or what it is made with. What it keeps holds no
name.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

KEPT_MAX: Final = 20_000  # things kept, a card of an inbox is 2 kB; beyond, all are made anew


class Memo:
    """Things made of objects that nobody alters.

    Example:
        >>> memo, alert = Memo(), {"version": 1}
        >>> memo.of(alert, "line", lambda: "made once") + memo.of(alert, "line", lambda: "made again")
        'made oncemade once'
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, Hashable], tuple[object, Any]] = {}

    def of(self, thing: object, how: Hashable, make: Callable[[], Any]) -> Any:
        """What was made of a thing.

        Args:
            thing: What it is made of; it is held, so that no other can have its identity.
            how: All else that it is made with.
            make: Makes it.
        """
        key = id(thing), how
        known = self._made.get(key)
        if known is None:
            if len(self._made) >= KEPT_MAX:
                self._made.clear()
            known = self._made[key] = thing, make()
        return known[1]
