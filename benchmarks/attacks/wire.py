"""What the sealed messages tell whoever sees them at the broker.

The attacker has every message of `identities-<agency>`, and no key. Inside is ciphertext; what is left is its length.
Messages are sealed as the bridge seals them, a source's records under pseudonyms of equal length, so that a length
tells what the encodings make of it and nothing else.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.attacks.dictionary import KEY
from benchmarks.attacks.people import PROFILES, Record
from benchmarks.attacks.table import Row
from bridge import keys
from bridge.encode import Encoder
from bridge.pseudonym import Pseudonymiser
from bridge.seal import Sealer
from schemas.identity import Identity
from topology import IDENTITIES, expand

PARTNERSHIP: Final = "northmere"
_POSITION: Final = 1 << 21  # positions of equal length on the wire
_AT: Final = 1_700_000_000_000  # ms; any time


def attack(rows: Sequence[Record]) -> list[Row]:
    """Seal every record and look at the lengths, each agency's by itself.

    Args:
        rows: All records.

    Returns:
        The share of records told apart, and how many bits a length tells.
    """
    agencies = sorted({row.agency for row in rows})
    alone, bits = [], []
    for profile in PROFILES:
        encoder = Encoder(KEY, 1, profile)
        sizes = []
        for agency in agencies:
            sent = encoder.identities([row.fields for row in rows if row.agency == agency])
            sizes.append(lengths(agency, sent))
        alone.append(sum(told_apart(one) * len(one) for one in sizes) / len(rows))
        bits.append(sum(entropy(one) * len(one) for one in sizes) / len(rows))
    has = "sealed messages, no key"
    return [
        Row("message length, records alone with theirs", has, "%", alone[0], alone[1], random=1 / len(rows)),
        Row("message length, what one tells", has, "bits", bits[0], bits[1]),
    ]


def told_apart(sizes: Sequence[int]) -> float:
    """Share of messages whose length no other has."""
    counts = Counter(sizes)
    return sum(count == 1 for count in counts.values()) / len(sizes)


def entropy(sizes: Sequence[int]) -> float:
    """Bits that a message's length tells on average; 0 where all are alike."""
    shares = [count / len(sizes) for count in Counter(sizes).values()]
    return max(0.0, -sum(share * math.log2(share) for share in shares))


def lengths(agency: str, sent: Iterable[Identity]) -> list[int]:
    """Bytes of each identity as the broker sees it."""
    with tempfile.TemporaryDirectory() as folder:
        keys.make_partnership(Path(folder) / "keys", PARTNERSHIP, (agency,), ())
        own = keys.AgencyKeys.load(Path(folder) / "keys" / agency)
    sealer, pseudonyms = Sealer(own, lambda: _AT), Pseudonymiser(KEY)
    sealer.key_envelope()
    topic = expand(IDENTITIES.name, (agency,), ())[0]
    return [
        len(sealer.envelope(topic, "identity", "records", pseudonyms.record("records", [f"{number:06}"]), 1,
                            _POSITION + number, 0, _AT, "identity", identity))
        for number, identity in enumerate(sent)
    ]  # fmt: skip
