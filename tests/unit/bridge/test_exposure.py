"""The five kinds of leak are seen where they are, and not where they are not."""

from __future__ import annotations

import random

from bridge.encode import Encoder
from bridge.exposure import Exposure, FieldExposure, as_text, measure
from bridge.normalise import Person

DEFAULT, STRICT = Encoder(bytes(32), 1), Encoder(bytes(32), 1, "strict")
SURNAMES = (
    "robertson",
    "robertsen",
    "robertso",
    "smith",
    "smyth",
    "oluwaseun",
    "patel",
    "xiu",
    "wolfeschlegel",
    "quayle",
)


def population() -> list[Person]:
    source = random.Random(5)
    weights = [40, 20, 18, 16, 14, 12, 10, 8, 6, 4]
    return [
        Person(
            "anna", source.choice("abcdefgh"), source.choices(SURNAMES, weights)[0], None, str(source.randint(1, 99))
        )
        for _ in range(600)
    ]


def of(exposure: Exposure, field: str) -> FieldExposure:
    return next(row for row in exposure.fields if row.field == field)


def test_a_common_name_is_named_by_its_frequency_in_every_profile() -> None:
    for encoder in (DEFAULT, STRICT):
        surname = of(measure(population(), encoder), "surname")
        assert surname.values == len(SURNAMES)
        assert surname.commonest > 0.2
        assert surname.frequency > 0.6


def test_similarity_shows_in_the_default_profile_alone() -> None:
    default, strict = (of(measure(population(), encoder), "surname") for encoder in (DEFAULT, STRICT))
    assert default.similarity > 0.9
    assert strict.similarity < 0.4


def test_a_value_between_two_others_is_singled_out_by_its_neighbours() -> None:
    chain = [Person(surname=name) for name in ("abcdefgh", "abcdefghijklm", "ghijklm", "qrstuvw")]
    assert of(measure(chain, DEFAULT), "surname").neighbourhood == 2 / 4, "the middle one, and the one without any"
    assert of(measure(chain, STRICT), "surname").neighbourhood == 0


def test_length_does_not_show() -> None:
    many = [Person(surname="abcdefghijklmnopqrstuvwxyz"[:size] + "xyz"[size % 3] * 2) for size in range(3, 26)] * 2
    long_ago = [Person(surname="".join(random.Random(n).choices("abcdefghij", k=3 + n % 20))) for n in range(800)]
    assert of(measure(many + long_ago, DEFAULT), "surname").length < 0.3


def test_fields_without_two_values_are_left_out() -> None:
    assert {row.field for row in measure(population(), DEFAULT).fields} == {"middle", "surname", "number"}


def test_records_that_stand_alone_are_counted() -> None:
    twins = [Person(surname="smith")] * 4 + [Person(surname="patel")] * 2
    assert measure(twins, DEFAULT).co_occurrence == 0
    assert measure([*twins, Person(surname="xiu")], DEFAULT).co_occurrence == 1 / 7
    assert measure([], DEFAULT) == Exposure(0, (), 0.0)


def test_the_report_prints_figures_and_no_value() -> None:
    text = as_text(measure(population(), DEFAULT))
    assert "600 records" in text
    assert not any(name in text for name in SURNAMES)
