"""The text of a published table: what every one of them says of itself.

Decides the form only: canonical JSON, so that the same table is the same bytes.
"""

from __future__ import annotations

import json
from typing import Any, Final

from streams.insights.suppress import ROUND_TO, SMALL_MAX, STICKY_WEEKS
from streams.insights.week import OfWeek, published_at

RULE: Final = (
    f"counts of 1 to {SMALL_MAX}, and each such cell for {STICKY_WEEKS} publications in all; the total of a line in "
    "which anything is withheld, so that nothing can be computed from what is shown"
)


def text(table: str, title: str, counts: str, published: OfWeek, *, withheld: str = RULE, **more: Any) -> str:
    """Body of a view of kind `insight`.

    Args:
        table: Its name, one of a fixed list.
        title: What stands above it.
        counts: What it counts, and whom.
        published: The table.
        withheld: What is withheld, and why.
        more: What else is in it: rows and columns.
    """
    body = {
        "table": table,
        "title": title,
        "counts": counts,
        "published_at": published_at(published.week),
        "rounded_to": ROUND_TO,
        "withheld": withheld,
        **more,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"))
