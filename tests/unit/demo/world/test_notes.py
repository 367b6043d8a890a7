"""What the world writes into notes is what a bridge finds in them."""

from __future__ import annotations

import pytest

from bridge.text import factors, find, standard
from demo.world.notes import NEUTRAL, OPENINGS, PHRASES


def families(text: str) -> list[str]:
    return [factor["family"] for factor in factors(text, standard())]


@pytest.mark.parametrize(
    ("family", "phrase"), [(family, phrase) for family, phrases in PHRASES.items() for phrase in phrases]
)
def test_a_phrase_counts_where_it_is_disclosed_and_nowhere_else(family: str, phrase: str) -> None:
    assert families(f"Ada disclosed {phrase}.") == [family]
    assert families(f"No evidence of {phrase}.") == []
    assert families(f"Mother has a history of {phrase} as a child.") == []


@pytest.mark.parametrize("sentence", [*OPENINGS, *NEUTRAL])
def test_what_stands_around_it_says_nothing(sentence: str) -> None:
    assert find(sentence.format(name="Ada Byron", address="4 High Street, Northmere NM1 2AB"), standard()) == []
