"""What is withheld, in words: each rung once, and no word that is not so."""

from __future__ import annotations

from bridge.desk.access.gate import Reach, Withheld
from bridge.desk.access.policy import ASSESSMENT_FIRST
from bridge.desk.access.reading import withheld
from bridge.desk.config import Config

MAY = Reach("council", {"council": 4, "police": 1}, 1)
CONFIG = Config.model_construct(agency="council", agencies={})


def test_what_is_withheld_of_a_child_and_of_the_household_alike_is_said_once() -> None:
    closed = [Withheld("police", 3, "", ("consent",)), Withheld("police", 4, "", ("consent",))] * 2
    assert withheld(closed, MAY, CONFIG) == (
        "Police: a summary with the figures and the record. It opens when consent is given.",
    )


def test_what_two_things_together_would_open_is_not_said_to_stay_closed() -> None:
    first, never = Withheld("police", 4, ASSESSMENT_FIRST, ()), Withheld("police", 4, "", ())
    assert withheld([first], MAY, CONFIG) == (
        "Police: the record, because your own assessment comes first. "
        "Whether it opens once that has changed is said here then.",
    )
    assert withheld([never], MAY, CONFIG) == ("Police: the record. Your protocols do not open it.",)
