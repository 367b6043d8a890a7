"""The written forms and encodings of schema epoch 1, held fast: a change of one is a new epoch.

Two agencies on different releases must still encode one child alike. If a test here fails, the change needs a new
`schemas.identity.SCHEMA_EPOCH` and a new table, not new expectations.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple

from bridge.encode import Encoder
from bridge.normalise import Person, normalise
from schemas.identity import SCHEMA_EPOCH, Identity

WRITTEN = (
    Person("Anna-Marie", "Jane É.", "O'Brien Jr", "2015-03-09", "Flat 2, 12A", "St. John's Rd", "ab1 2cd", "Northmere",
           "Anna.OBrien@Example.org", "07700 900 123", "943 476 5919", "4010232137", "B801200005001", "00100023336"),
    Person("Baby", "None", "Łukasz", "1/2/1987", "Rose Cottage", "High St", "AB12CD", "N/K", "none", "n/a",
           "9434765918", upn="b80120000500a"),
    Person("Mr Søren", "", "Smith", "1900-01-01", "7", "Quay Walk", "ZZ99 3VZ", "Eastmere", uprn="42", restricted=True),
    Person("Unknown", None, "Unborn", "20151340", "0", "NFA", "2601", communal=True),
)  # fmt: skip
FORMS = (
    ("anna marie", "jane e", "obrien", "20150309", "2 12a", "st johns road", "ab12cd", "northmere",
     "anna obrien@example org", "07700900123", "9434765919", "4010232137", "b801200005001", "100023336", False, False),
    (None, None, "lukasz", "19870201", "rose cottage", "high street", "ab12cd", *[None] * 7, False, False),
    ("soren", None, "smith", *[None] * 11, True, False),
    (None, None, None, "20151340", *[None] * 10, False, True),
)  # fmt: skip


def digest(identities: list[Identity]) -> str:
    sha = hashlib.sha256()
    for identity in identities:
        for name in ("bits", "tokens", "matchkeys", "bands"):
            sha.update(identity[name])  # type: ignore[literal-required]
    return sha.hexdigest()[:16]


def test_written_forms_of_this_epoch_do_not_change() -> None:
    assert SCHEMA_EPOCH == 1
    assert tuple(astuple(normalise(person)) for person in WRITTEN) == FORMS


def test_encodings_of_this_epoch_do_not_change() -> None:
    key = bytes(range(32))
    assert digest(Encoder(key, 1, bands=True).identities(WRITTEN)) == "6bbe84f84710ff7c"
    assert digest(Encoder(key, 1, "strict").identities(WRITTEN)) == "d63e01044d294686"
