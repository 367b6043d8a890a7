from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.linkage.model import read_model, shipped_model, write_model
from tests.unit.streams.linkage.people import LIKELY, model


def test_writing_and_reading_gives_the_same_model_and_digest() -> None:
    one = model()
    assert read_model(write_model(one)) == one
    assert read_model(write_model(one)).digest == one.digest


def test_the_digest_follows_every_weight_and_threshold() -> None:
    one = model()
    others = [
        one.at(0, 0),
        model(swap=((0, 0, 0), (-1, 0, 0), (0, 0, 0))),
        model(version="other"),
        model(posting_max=99),
    ]
    assert len({other.digest for other in [one, *others]}) == 5


@pytest.mark.parametrize("changes", [
    {"person": (LIKELY,) * 6}, {"household": (LIKELY[:7],) * 10}, {"cuts": ((1, 2, 3, 4, 5, 6, 7),) * 10},
    {"numbers": ()}, {"twin": (LIKELY,) * 8}, {"tie": 5_000}, {"posting_max": 1}, {"prior": (1 << 25, 0, 0)}, {"cuts": ((5, 4, 3),) * 10},
])  # fmt: skip
def test_a_malformed_model_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        model(**changes)


def test_a_malformed_file_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_model(b'{"version": "x"}')


def test_the_shipped_model_has_rising_weights_and_the_automatic_thresholds() -> None:
    shipped = shipped_model()
    assert (shipped.edge, shipped.merge, shipped.tie) == (4_250, 2_000, 2_000)
    assert all(list(row) == sorted(row) for row in shipped.person)
