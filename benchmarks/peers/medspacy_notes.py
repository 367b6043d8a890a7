"""medspaCy on the same notes, in its own environment: phrases in, (family, flags) and ms out; JSON on both sides.

Its sentence splitter logs every text through loguru at DEBUG, so that is turned off before it is loaded.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from loguru import logger

logger.remove()

import medspacy  # noqa: E402  (after its logger is silent)
from medspacy.ner import TargetRule  # noqa: E402

FLAGS = {
    "is_negated": "negated", "is_uncertain": "hedged", "is_hypothetical": "hedged", "is_historical": "past",
}  # fmt: skip


def main() -> None:
    """Read, look, answer."""
    asked = json.load(sys.stdin)
    language = medspacy.load()
    rules = [TargetRule(phrase, family) for family, phrases in asked["phrases"].items() for phrase in phrases]
    language.get_pipe("medspacy_target_matcher").add(rules)
    found, spent_ms = [], []
    for text in asked["notes"]:
        best = float("inf")
        for _ in range(asked["rounds"]):
            began = time.perf_counter()
            doc = language(text)
            best = min(best, time.perf_counter() - began)
        spent_ms.append(best * 1000)
        found.append([
            (span.label_, sorted({flag for name, flag in FLAGS.items() if getattr(span._, name)}))
            for span in doc.ents
        ])  # fmt: skip
    print(json.dumps({"found": found, "ms_per_note": statistics.median(spent_ms)}))


if __name__ == "__main__":
    main()
