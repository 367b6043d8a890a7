"""One written form of each identifying field, the same at every agency, before anything is encoded.

Decides which spellings count as equal and which values say nothing (placeholders) and become None. It is versioned:
encodings of two versions never compare, so any change of a result here is a new `schemas.identity.SCHEMA_EPOCH`;
tests/contract/test_normalise.py holds the results of this version. Does not encode, and keeps nothing.

Names are folded to a-z. A name with no letter in or near the Latin alphabet becomes None: agencies that hold names
in other scripts map a romanised column.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from schemas.identity import SCHEMA_EPOCH

VERSION: Final = SCHEMA_EPOCH
NOMINAL_DATES: Final = frozenset({
    "00000000", "00010101", "01010101", "17530101", "18000101", "18991230", "18991231", "19000101", "19010101",
    "19111111", "19700101", "99990101", "99991231",
})  # fmt: skip
"""Dates that systems write for "not known"."""


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Identifying fields of one record, as the source holds them or normalised. Never printed.

    Attributes:
        given: Given name.
        middle: Middle names.
        surname: Surname.
        dob: Date of birth; normalised YYYYMMDD.
        number: House number or name.
        street: Street.
        postcode: Postcode.
        place: Town, suburb or place of birth.
        email: E-mail address.
        code: Another number that gets mistyped: telephone, hospital number, social security.
        nhs: NHS number.
        nhs_former: NHS number that it superseded.
        upn: Unique Pupil Number.
        uprn: Unique Property Reference Number of the address.
        restricted: Refuge, adoption, staff families: no address leaves.
        communal: The address is a communal establishment: it says nothing about a household.
    """

    given: str | None = None
    middle: str | None = None
    surname: str | None = None
    dob: str | None = None
    number: str | None = None
    street: str | None = None
    postcode: str | None = None
    place: str | None = None
    email: str | None = None
    code: str | None = None
    nhs: str | None = None
    nhs_former: str | None = None
    upn: str | None = None
    uprn: str | None = None
    restricted: bool = False
    communal: bool = False


def normalise(person: Person) -> Person:
    """The normalised form; doing it twice changes nothing.

    Args:
        person: Fields as the source holds them.

    Returns:
        The same person with each field in its one form, or None where it is missing, a placeholder or invalid.
    """
    no_address = person.restricted or person.communal
    return Person(
        given_name(person.given),
        middle_names(person.middle),
        surname(person.surname),
        birth_date(person.dob),
        None if no_address else house_number(person.number),
        None if no_address else street(person.street),
        None if no_address else postcode(person.postcode),
        None if no_address else place(person.place),
        email(person.email),
        code(person.code),
        nhs_number(person.nhs),
        nhs_number(person.nhs_former),
        pupil_number(person.upn),
        None if no_address else property_number(person.uprn),
        person.restricted,
        person.communal,
    )


# Letters that Unicode does not decompose, folded as passports do (ICAO 9303 part 3 section 6, shortened).
_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n"}
)
_SPACES: Final = b"-_/,.;:()&+\t\n\r\x0b\x0c"


def _table(keep: bytes) -> tuple[bytes, bytes]:
    """Translation of ASCII: kept bytes stay, separators become spaces; the second part is deleted."""
    table = bytes.maketrans(_SPACES, b" " * len(_SPACES))
    return table, bytes(byte for byte in range(256) if byte not in keep + b" " + _SPACES)


_NAME: Final = _table(b"abcdefghijklmnopqrstuvwxyz")
_TEXT: Final = _table(b"abcdefghijklmnopqrstuvwxyz0123456789")


def _words(value: str | None, table: tuple[bytes, bytes]) -> list[str]:
    if not value:
        return []
    if not value.isascii():
        value = unicodedata.normalize("NFKD", value).casefold().translate(_LETTERS)
        value = unicodedata.normalize("NFKD", value)  # folding can compose anew, as in dotted capital I
    return value.lower().encode("ascii", "ignore").translate(*table).decode("ascii").split()


_TITLES: Final = frozenset({"mr", "mrs", "miss", "ms", "mx", "dr", "master", "rev"})
_SUFFIXES: Final = frozenset({"jr", "jnr", "sr", "snr"})
_NO_VALUE: Final = frozenset({
    "unknown", "not known", "notknown", "nk", "not given", "not stated", "not recorded", "none given", "no name",
    "none", "null", "nan", "tbc", "tba", "test", "withheld", "refused", "confidential", "anonymous", "anon",
    "unnamed", "name not known", "name unknown", "no surname", "no forename", "n a", "n k",
})  # fmt: skip
_UNNAMED_CHILD: Final = frozenset({"baby", "unborn", "infant", "newborn", "unknown"})
"""First words of what is written before a child has a name: "Baby of Anna", "Unborn Smith", "Baby Boy 2"."""
_NO_GIVEN: Final = frozenset({
    "daughter", "boy", "girl", "male", "female", "child", "children", "kid", "teen", "teenager", "youth", "minor",
    "adult", "twin", "triplet", "bb", "bg", "man", "woman", "lady", "gentleman", "husband", "wife", "partner",
    "spouse", "mother", "father", "mum", "mom", "mam", "dad", "parent", "sister", "brother", "sibling", "friend",
    "person", "resident", "occupant", "occupier", "householder", "tenant", "lodger", "visitor", "guest", "eldest",
    "oldest", "youngest", "elder", "older", "younger", "house", "home", "of", "the", "in", "and", "mr", "mrs", "miss",
    "ms", "mx", "hijo", "hija", "nino", "nina", "bebe",
})  # fmt: skip
"""A given name made of these alone is a placeholder. "Son" is not here: it is a given name."""


def _no_name(text: str) -> bool:
    return text in _NO_VALUE or (len(text) > 1 and text == text[0] * len(text) and text[0] in "xz")


def given_name(value: str | None) -> str | None:
    """Words of a-z, titles and placeholders taken away; None if nothing or an initial is left."""
    words = _words(value, _NAME)
    while len(words) > 1 and words[0] in _TITLES:
        del words[0]
    text = " ".join(words)
    if len(text) < 2 or _no_name(text) or words[0] in _UNNAMED_CHILD or _NO_GIVEN.issuperset(words):
        return None
    return text


def middle_names(value: str | None) -> str | None:
    """Words of a-z, placeholders taken away; None if nothing is left."""
    text = " ".join(_words(value, _NAME))
    return None if not text or _no_name(text) else text


def surname(value: str | None) -> str | None:
    """Words of a-z, generation suffixes and placeholders taken away; None if nothing is left.

    Fewer words count as placeholders than for given names: Baby, Boy and Child are families' names.
    """
    words = _words(value, _NAME)
    while len(words) > 1 and words[-1] in _SUFFIXES:
        del words[-1]
    text = " ".join(words)
    return None if not words or _no_name(text) or words[0] == "unborn" else text


_YEAR_FIRST: Final = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})(?:[T ].*)?", re.DOTALL)
_DAY_FIRST: Final = re.compile(r"([0-9]{1,2})([-/. ])([0-9]{1,2})\2([0-9]{4})(?:[T ].*)?", re.DOTALL)


def birth_date(value: str | None) -> str | None:
    """YYYYMMDD from year-first or British day-first forms.

    Args:
        value: Such as `2015-03-09`, `20150309`, `2015-03-09T00:00:00Z` or `9/3/2015`.

    Returns:
        Eight digits; None for another form or a nominal date. A date that does not exist is kept: it is a typing
        error of one that does, and most of its digits are evidence.
    """
    if not value:
        return None
    text = value.strip()
    if match := _YEAR_FIRST.fullmatch(text):
        digits = match[1] + match[3] + match[4]
    elif match := _DAY_FIRST.fullmatch(text):
        digits = match[4] + match[3].zfill(2) + match[1].zfill(2)
    else:
        return None
    return None if digits in NOMINAL_DATES or digits == digits[0] * 8 else digits


_NO_NUMBER: Final = frozenset({"0", "00", "000", "0000"})
_UNIT_WORDS: Final = frozenset({"flat", "apartment", "apt", "unit", "no", "number", "room"})


def house_number(value: str | None) -> str | None:
    """House number or name in a-z and 0-9, words such as "flat" taken away; None if nothing is left."""
    text = " ".join(word for word in _words(value, _TEXT) if word not in _UNIT_WORDS)
    return None if not text or text in _NO_NUMBER or text in _NO_VALUE else text


_NO_STREET: Final = frozenset(
    {"no fixed abode", "nfa", "no fixed address", "homeless", "address not known", "unknown address"}
)
_LAST_WORDS: Final = {
    "st": "street", "str": "street", "rd": "road", "ave": "avenue", "av": "avenue", "ln": "lane", "cl": "close",
    "dr": "drive", "ct": "court", "cres": "crescent", "gdns": "gardens", "gdn": "garden", "pl": "place",
    "sq": "square", "ter": "terrace", "terr": "terrace", "tce": "terrace", "gr": "grove", "gro": "grove",
    "grv": "grove", "pk": "park", "wy": "way", "wk": "walk",
}  # fmt: skip


def street(value: str | None) -> str | None:
    """Street in a-z and 0-9, its last word in full; None where there is none or it is a placeholder."""
    words = _words(value, _TEXT)
    if not words:
        return None
    words[-1] = _LAST_WORDS.get(words[-1], words[-1])
    text = " ".join(words)
    return None if text in _NO_STREET or text in _NO_VALUE else text


def postcode(value: str | None) -> str | None:
    """Letters and digits without spaces, such as `ab12cd`.

    Other countries' forms pass; what has no digit does not, nor do pseudo-postcodes of the NHS (ZZ99).
    """
    text = "".join(_words(value, _TEXT))
    if not 3 <= len(text) <= 10 or text.isalpha() or text.startswith("zz99") or text == text[0] * len(text):
        return None
    return text


def place(value: str | None) -> str | None:
    """Town, suburb or place of birth in a-z and 0-9; None where there is none or it is a placeholder."""
    text = " ".join(_words(value, _TEXT))
    return None if not text or text in _NO_STREET or text in _NO_VALUE else text


def email(value: str | None) -> str | None:
    """E-mail address, such as `anna smith@example org`; None without both a name and a domain.

    Letters and digits before and after the at sign, other characters as spaces.
    """
    if not value:
        return None
    name, _, domain = value.rpartition("@")
    parts = " ".join(_words(name, _TEXT)), " ".join(_words(domain, _TEXT))
    return "@".join(parts) if all(parts) and parts[0] not in _NO_VALUE else None


def code(value: str | None) -> str | None:
    """Letters and digits of a number, without spaces; None for less than four or one character over and over."""
    text = "".join(_words(value, _TEXT))
    return None if len(text) < 4 or text == text[0] * len(text) or text in _NO_VALUE else text


def nhs_number(value: str | None) -> str | None:
    """Ten digits whose last is the modulus 11 check digit.

    Source:
        NHS Data Dictionary, NHS NUMBER. One digit ten times passes the check and is refused.
    """
    digits = "".join(_words(value, _TEXT))
    if len(digits) != 10 or not digits.isdecimal() or digits == digits[0] * 10:
        return None
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return digits if check % 11 == int(digits[9]) else None  # check 10 equals no digit: such numbers are not issued


_UPN_LETTERS: Final = "abcdefghjklmnpqrtuvwxyz"


def pupil_number(value: str | None) -> str | None:
    """A permanent UPN: check letter, then twelve digits.

    A temporary one (its last place a letter) becomes None: a child can have several.

    Source:
        Department for Education, Unique pupil numbers: guidance, annex on the check letter (weights 2 to 13,
        modulus 23).
    """
    text = "".join(_words(value, _TEXT))
    if len(text) != 13 or not text[1:].isdecimal():
        return None
    check = sum(int(digit) * weight for weight, digit in enumerate(text[1:], start=2)) % 23
    return text if text[0] == _UPN_LETTERS[check] else None


def property_number(value: str | None) -> str | None:
    """A UPRN: up to twelve digits, leading zeros taken away.

    Source:
        GeoPlace, UPRN: a number without check digit, 1 to 999,999,999,999.
    """
    digits = "".join(_words(value, _TEXT)).lstrip("0")
    return digits if 0 < len(digits) <= 12 and digits.isdecimal() else None
