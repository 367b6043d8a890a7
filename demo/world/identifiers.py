"""NHS numbers and UPNs that pass their checks, in ranges no real person has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"  # 23 letters, GDSC UPN 2.0
UPN_AUTHORITY = "989"  # no authority has this number


def nhs_check_digit(nine: str) -> int | None:
    """Check digit of an NHS number.

    Args:
        nine: The first nine digits.

    Returns:
        0 to 9, or None where the nine digits make no valid number.

    Example:
        >>> nhs_check_digit("943476591")
        9
    """
    remainder = 11 - sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
    return None if remainder == 10 else remainder % 11


def upn_check_letter(twelve: str) -> str:
    """Check letter of a unique pupil number.

    Args:
        twelve: The twelve digits after the letter.

    Returns:
        One letter.

    Example:
        >>> upn_check_letter("801200005001")
        'B'
    """
    return UPN_LETTERS[sum(int(digit) * place for place, digit in enumerate(twelve, start=2)) % 23]


def nhs_numbers(random: np.random.Generator) -> Iterator[str]:
    """Valid NHS numbers of the 999 test range, each once.

    Args:
        random: Where the order comes from.

    Yields:
        Ten digits.
    """
    for serial in random.permutation(1_000_000):
        nine = f"999{serial:06d}"
        digit = nhs_check_digit(nine)
        if digit is not None:
            yield f"{nine}{digit}"


def upn(school: int, year: int, serial: int) -> str:
    """A UPN as a school makes it when a pupil first joins.

    Args:
        school: Four-digit school number.
        year: Two-digit year of joining.
        serial: Three-digit serial number.

    Returns:
        Letter and twelve digits.
    """
    digits = f"{UPN_AUTHORITY}{school:04d}{year % 100:02d}{serial:03d}"
    return upn_check_letter(digits) + digits
