"""Combinations of fields under which two records are worth comparing.

Decides who becomes a candidate: most matchkeys join two or more fields, some shortened or by sound, so that one
damaged field leaves others to meet on. Those of one field alone (a name, a date, an e-mail address) tell the linker
nothing that the field's own encoding does not; where many hold them they count for nothing. Does not hash:
bridge/encode.py keys each with a subkey of its own.
"""

from __future__ import annotations

from typing import Final

from bridge.normalise import Person

NAMES: Final = (
    "dob+name sound", "dob+name sound", "name pair", "sound pair+year",
    "given3+year month", "surname4+year month", "surname4+month day", "given3+month day",
    "surname4+year day", "given3+year day",
    "number+street5+given sound", "number+street5+surname sound", "street sound+given3+surname4",
    "number+street5+month day", "number+given3+surname4", "street sound+year+given sound",
    "number+year+given sound", "dob+postcode", "dob+number",
    "number+street5", "number+postcode", "postcode+surname sound",
    "postcode+given3", "place+name sound", "place+name sound", "place+dob", "email", "email name", "code",
    "street sound+surname sound", "number+surname sound",
    "number+street5 again", "number+postcode again", "postcode+surname sound again",
    "street sound+surname sound again", "number+surname sound again", "name", "name", "dob",
)  # fmt: skip
"""Order of `of_person`; the name is what its subkey is derived from, so that given name and surname meet where they
have one. Those of an address and a surname find households: two keys of each kind, because the linker takes two that
are shared for a candidate however many records hold them, and people of one home may share nothing else."""


def of_person(person: Person) -> list[str]:
    """The values of all matchkeys.

    Args:
        person: Normalised.

    Returns:
        One string a name of `NAMES`; empty where a part is missing.
    """
    given, surname, dob = person.given or "", person.surname or "", person.dob or ""
    number, postcode = person.number or "", person.postcode or ""
    given_sound, surname_sound = soundex(given), soundex(surname)
    given3 = given[:3] if len(given) > 2 else ""
    surname4 = surname[:4] if len(surname) > 2 else ""
    street5 = (person.street or "").replace(" ", "")[:5]
    street_sound = soundex(person.street or "")
    year, year_month, month_day, year_day = dob[:4], dob[:6], dob[4:], dob[:4] + dob[6:]
    pair = " ".join(sorted((given, surname))) if given and surname else ""
    sound_pair = " ".join(sorted((given_sound, surname_sound))) if given and surname else ""
    place, email = person.place or "", person.email or ""
    homes = (
        f"{number}|{street5}" if number and street5 else "",
        f"{number}|{postcode}" if number and postcode else "",
        f"{postcode}|{surname_sound}" if postcode and surname else "",
    )
    families = (
        f"{street_sound}|{surname_sound}" if street_sound and surname else "",
        f"{number}|{surname_sound}" if number and surname else "",
    )
    # written out: a helper called so often would take longer than all of it
    return [
        f"{dob}|{given_sound}" if dob and given else "",
        f"{dob}|{surname_sound}" if dob and surname else "",
        pair,
        f"{sound_pair}|{year}" if pair and dob else "",
        f"{given3}|{year_month}" if given3 and dob else "",
        f"{surname4}|{year_month}" if surname4 and dob else "",
        f"{surname4}|{month_day}" if surname4 and dob else "",
        f"{given3}|{month_day}" if given3 and dob else "",
        f"{surname4}|{year_day}" if surname4 and dob else "",
        f"{given3}|{year_day}" if given3 and dob else "",
        f"{number}|{street5}|{given_sound}" if number and street5 and given else "",
        f"{number}|{street5}|{surname_sound}" if number and street5 and surname else "",
        f"{street_sound}|{given3}|{surname4}" if street_sound and given3 and surname4 else "",
        f"{number}|{street5}|{month_day}" if number and street5 and dob else "",
        f"{number}|{given3}|{surname4}" if number and given3 and surname4 else "",
        f"{street_sound}|{year}|{given_sound}" if street_sound and dob and given else "",
        f"{number}|{year}|{given_sound}" if number and dob and given else "",
        f"{dob}|{postcode}" if dob and postcode else "",
        f"{dob}|{number}" if dob and number else "",
        *homes,
        f"{postcode}|{given3}" if postcode and given3 else "",
        f"{place}|{given_sound}" if place and given else "",
        f"{place}|{surname_sound}" if place and surname else "",
        f"{place}|{dob}" if place and dob else "",
        email,
        email.partition("@")[0],
        person.code or "",
        *families,
        *homes,
        *families,
        given,
        surname,
        dob,
    ]


_SOUNDS: Final = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz", b"01230120022455012623010202")
_NOT_LETTERS: Final = b" 0123456789"
_VOWEL: Final = ord("0")


def soundex(text: str) -> str:
    """American Soundex of the letters of a text.

    Args:
        text: Normalised; what is not a-z is passed over.

    Returns:
        A letter and three digits; empty without a letter.

    Source:
        National Archives, The Soundex Indexing System.

    Example:
        >>> soundex("robert"), soundex("rupert"), soundex("ashcraft"), soundex("tymczak")
        ('r163', 'r163', 'a261', 't522')
    """
    letters = text.encode().translate(None, _NOT_LETTERS)
    if not letters:
        return ""
    before, code = _SOUNDS[letters[0]], chr(letters[0])
    for sound in letters[1:].translate(_SOUNDS, b"hw"):  # h and w do not part two letters of one sound, vowels do
        if sound != before:
            before = sound
            if sound != _VOWEL:
                code += chr(sound)
                if len(code) == 4:
                    return code
    return code.ljust(4, "0")
