"""What is withheld, in words: each rung once, and no word that is not so."""

from __future__ import annotations

from bridge.desk.access.gate import Because, Reach, Withheld
from bridge.desk.access.policy import ASSESSMENT_FIRST
from bridge.desk.access.reading import because, withheld
from bridge.desk.config import Config

MAY = Reach("council", {"council": 4, "police": 1}, 1)
CONFIG = Config.model_construct(agency="council", agencies={})


def test_what_is_withheld_of_a_child_and_of_the_household_alike_is_said_once() -> None:
    closed = [Withheld("police", 3, "", ("consent",)), Withheld("police", 4, "", ("consent",))] * 2
    assert withheld(closed, MAY, CONFIG) == (
        "Police: a summary with the figures and the record. It opens when consent is given.",
    )


def test_agencies_to_which_the_same_applies_are_told_together_and_who_may_not_be_named_is_not() -> None:
    may = Reach("council", {"council": 4, "police": 1, "schools": 1, "homes": 0}, 0, (
        Because("police", 1, "p", "Screening", "Law", ()), Because("schools", 1, "p", "Screening", "Law", ()),
        Because("homes", 0, "p", "Screening", "Law", ()),
    ))  # fmt: skip
    closed = [Withheld(agency, 4, "", ("consent",)) for agency in ("homes", "police", "schools", "hospital")]
    assert withheld(closed, may, CONFIG) == (
        "Police, Schools and Other agencies: the record. It opens when consent is given.",
    )
    assert [(one.agency, one.rung) for one in because(may, CONFIG)] == [
        ("Police and Schools", "Who knows the family and whom to call"),
        ("Other agencies", "That there is something"),
    ]


def test_what_two_things_together_would_open_is_not_said_to_stay_closed() -> None:
    first, never = Withheld("police", 4, ASSESSMENT_FIRST, ()), Withheld("police", 4, "", ())
    assert withheld([first], MAY, CONFIG) == (
        "Police: the record, because your own assessment comes first. "
        "Whether it opens once that has changed is said here then.",
    )
    assert withheld([never], MAY, CONFIG) == ("Police: the record. Your protocols do not open it.",)
