"""How fast one core encodes, seals and decodes. Run: python -m benchmarks.encoding [records]."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bridge import keys
from bridge.encode import Encoder
from bridge.normalise import Person, normalise
from bridge.seal import Sealer
from schemas import codec

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ENVELOPE = frozenset({"envelope"})


def people(count: int, seed: int = 7) -> list[Person]:
    """Made-up people with every field; no two alike, so that nothing repeats to be lucky with."""
    source = random.Random(seed)

    def word(least: int, most: int) -> str:
        return "".join(source.choices(LETTERS, k=source.randint(least, most))).title()

    return [
        Person(
            word(4, 8), word(1, 6), word(4, 10),
            f"{source.randint(1940, 2024)}-{source.randint(1, 12):02d}-{source.randint(1, 28):02d}",
            str(source.randint(1, 250)), f"{word(4, 9)} {source.choice(['Road', 'St', 'Close', 'Avenue'])}",
            f"{word(2, 2)}{source.randint(1, 20)} {source.randint(1, 9)}{word(2, 2)}",
        )
        for _ in range(count)
    ]  # fmt: skip


def rate(count: int, work: Callable[[], object]) -> int:
    """Best of five: units a second of processor time."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return round(count / best)


def main(argv: list[str]) -> int:
    """Measure, print a line each, and JSON last."""
    count = int(argv[0]) if argv else 5000
    rows = people(count)
    default, strict, banded = (
        Encoder(bytes(32), 1),
        Encoder(bytes(32), 1, "strict"),
        Encoder(bytes(32), 1, bands=True),
    )
    with tempfile.TemporaryDirectory() as folder:
        keys.make_partnership(Path(folder) / "k", "northmere", ("council",), ())
        sealer = Sealer(keys.AgencyKeys.load(Path(folder) / "k" / "council"), lambda: 0)
    sealer.key_envelope()
    identity = default.identity(rows[0])

    def seal() -> bytes:
        return sealer.envelope("identities-council", "identity", "cms", b"s" * 48, 1, 2, 3, 4, "identity", identity)

    framed = seal()
    figures = {
        "normalise_rps": rate(count, lambda: [normalise(row) for row in rows]),
        "encode_rps": rate(count, lambda: default.identities(rows)),
        "encode_strict_rps": rate(count, lambda: strict.identities(rows)),
        "encode_with_bands_rps": rate(count, lambda: banded.identities(rows)),
        "encode_one_by_one_rps": rate(500, lambda: [default.identity(row) for row in rows[:500]]),
        "seal_rps": rate(count, lambda: [seal() for _ in range(count)]),
        "decode_envelope_rps": rate(count, lambda: [codec.decode(framed, ENVELOPE) for _ in range(count)]),
        "identity_envelope_bytes": len(framed),
    }
    for name, figure in figures.items():
        print(f"{name:26} {figure:>10,}")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
