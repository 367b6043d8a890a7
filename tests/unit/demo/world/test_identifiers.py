"""NHS numbers and UPNs pass their own checks and the bridge's."""

import numpy as np

from bridge.normalise import nhs_number, pupil_number
from demo.world.identifiers import nhs_check_digit, nhs_numbers, upn, upn_check_letter


def test_check_digit_of_a_known_number():
    assert nhs_check_digit("943476591") == 9


def test_nine_digits_whose_check_would_be_ten_make_no_number():
    assert nhs_check_digit("999000000") is None


def test_check_letter_of_a_known_pupil_number():
    assert upn_check_letter("801200005001") == "B"


def test_numbers_are_unique_valid_and_in_the_test_range():
    numbers = [number for number, _ in zip(nhs_numbers(np.random.default_rng(1)), range(500), strict=False)]
    assert len(set(numbers)) == 500
    assert all(number.startswith("999") and nhs_number(number) == number for number in numbers)


def test_the_bridge_accepts_a_made_pupil_number():
    made = upn(2003, 2021, 17)
    assert pupil_number(made) == made.lower()
