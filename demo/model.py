"""Fits the linkage model that is shipped: `python -m demo.model` writes streams/linkage/models/default.json.

The records are those of the demo's world before it goes live, encoded by its bridges. A partnership fits one of its
own (`sightline linkage fit`); this one is for the day before that.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from demo.offline import Offline
from demo.world import World
from streams.keys import Keyring
from streams.linkage.fit import fit
from streams.linkage.model import MODELS, write_model
from streams.step import make_machine

EXPECTED_RECORDS = 100_000  # of a partnership that would be served by it


def main() -> None:
    """Fit and write."""
    with tempfile.TemporaryDirectory() as folder:
        offline = Offline(World(1, 2000), Path(folder))
        machine = make_machine(0, Keyring.load(offline.made.keys / "platform"))
        for entry in offline.backfill():
            machine.step([entry])
        (partnership,) = machine.partnerships.values()
        model = fit(partnership.graph.identities, "world-2026-2", expected=EXPECTED_RECORDS)
    (MODELS / "default.json").write_bytes(write_model(model))


if __name__ == "__main__":
    main()
