"""One written form a field; placeholders say nothing; an address is withheld where it must be."""

from __future__ import annotations

import pytest

from bridge import normalise as n
from bridge.normalise import Person, normalise


@pytest.mark.parametrize(("written", "form"), [
    ("Anna", "anna"), (" ANNA  Lena ", "anna lena"), ("Mrs. Anna", "anna"), ("Dr", "dr"), ("Anna-Marie", "anna marie"),
    ("D'Arcy", "darcy"), ("D’Arcy", "darcy"), ("Zoë", "zoe"), ("Zoë", "zoe"), ("ŁUKASZ", "lukasz"), ("Søren", "soren"),
    ("Þór", "thor"), ("İbrahim", "ibrahim"), ("ﬁnn", "finn"), ("Son", "son"), ("Anna2", "anna"),
    ("Master Tom", "tom"), ("Xavier", "xavier"),
])  # fmt: skip
def test_a_given_name_is_folded_to_letters(written: str, form: str) -> None:
    assert n.given_name(written) == form


@pytest.mark.parametrize("written", [
    None, "", "  ", "Baby", "BABY BOY", "Baby of Anna", "Unborn", "unborn smith", "Unknown", "Not Known", "N/K", "n/a",
    "Daughter", "Infant", "Female Infant"[7:], "Twin", "Twin 2", "Male", "xxx", "ZZZ", "TBC", "Test", "???", "-", "0",
    "安娜", "Mr Unknown", "J.", "X", "Man", "Male Child", "Lady of the House", "Dad", "Occupier", "Eldest Boy",
])  # fmt: skip
def test_a_placeholder_or_unreadable_given_name_says_nothing(written: str | None) -> None:
    assert n.given_name(written) is None


@pytest.mark.parametrize(("written", "form"), [
    ("O'Brien", "obrien"), ("Smith-Jones", "smith jones"), ("MÜLLER", "muller"), ("Straße", "strasse"),
    ("Smith Jr", "smith"), ("Baby", "baby"), ("Child", "child"), ("Van der Berg", "van der berg"), ("Jr", "jr"),
])  # fmt: skip
def test_a_surname_is_folded_and_families_called_baby_keep_theirs(written: str, form: str) -> None:
    assert n.surname(written) == form


@pytest.mark.parametrize("written", [None, "Unknown", "Unborn", "NK", "not stated", "XX", "no surname"])
def test_a_placeholder_surname_says_nothing(written: str | None) -> None:
    assert n.surname(written) is None


def test_middle_names_keep_all_their_words() -> None:
    assert n.middle_names("Jane  Élise") == "jane elise"
    assert n.middle_names("None") is None
    assert n.middle_names("") is None


@pytest.mark.parametrize(("written", "form"), [
    ("2015-03-09", "20150309"), ("20150309", "20150309"), ("2015/03/09", "20150309"), ("9/3/2015", "20150309"),
    ("09.03.2015", "20150309"), ("2015-03-09T00:00:00Z", "20150309"), ("2015-03-09 00:00:00", "20150309"),
    ("2012-02-29", "20120229"), ("2015-13-40", "20151340"), ("1970-01-02", "19700102"), (" 2015-03-09 ", "20150309"),
])  # fmt: skip
def test_a_birth_date_is_eight_digits(written: str, form: str) -> None:
    assert n.birth_date(written) == form


@pytest.mark.parametrize("written", [
    None, "", "1900-01-01", "01/01/1900", "1970-01-01", "19700101", "1753-01-01", "9999-12-31", "0000-00-00",
    "11111111", "2015", "2015-03", "2015-03/09", "9 March", "15-03-09", "unknown", "2015-03-0x",
])  # fmt: skip
def test_a_nominal_or_unreadable_birth_date_says_nothing(written: str | None) -> None:
    assert n.birth_date(written) is None


@pytest.mark.parametrize(("written", "form"), [
    ("12", "12"), ("12A", "12a"), ("Flat 2, 12", "2 12"), ("Rose Cottage", "rose cottage"), ("No. 7", "7"),
    ("0", None), ("", None), (None, None), ("flat", None), ("N/A", None),
])  # fmt: skip
def test_a_house_number_loses_its_ornaments(written: str | None, form: str | None) -> None:
    assert n.house_number(written) == form


@pytest.mark.parametrize(("written", "form"), [
    ("High St", "high street"), ("HIGH STREET", "high street"), ("St. John's Rd.", "st johns road"),
    ("2nd Avenue", "2nd avenue"), ("No fixed abode", None), ("NFA", None), ("withheld", None), (None, None),
])  # fmt: skip
def test_a_street_has_its_last_word_in_full(written: str | None, form: str | None) -> None:
    assert n.street(written) == form


@pytest.mark.parametrize(("written", "form"), [
    ("ab1 2cd", "ab12cd"), ("AB12CD", "ab12cd"), ("2601", "2601"), ("ZZ99 3VZ", None), ("AB", None), ("unknown", None),
    ("000000", None), ("", None), (None, None), ("this is no postcode 1", None),
])  # fmt: skip
def test_a_postcode_has_no_spaces(written: str | None, form: str | None) -> None:
    assert n.postcode(written) == form


@pytest.mark.parametrize(("written", "form"), [
    ("943 476 5919", "9434765919"), ("943-476-5919", "9434765919"), ("9434765919", "9434765919"),
    ("9434765918", None), ("943476591", None), ("0000000000", None), ("1111111111", None), ("943476591X", None),
    ("", None), (None, None),
])  # fmt: skip
def test_an_nhs_number_passes_its_check_digit(written: str | None, form: str | None) -> None:
    assert n.nhs_number(written) == form


def test_one_wrong_digit_of_an_nhs_number_is_always_found() -> None:
    for place in range(10):
        for digit in "0123456789":
            changed = "9434765919"[:place] + digit + "9434765919"[place + 1 :]
            assert n.nhs_number(changed) == (changed if changed == "9434765919" else None)


@pytest.mark.parametrize(("written", "form"), [
    ("B801200005001", "b801200005001"), ("b 8012 00005 001", "b801200005001"), ("A801200005001", None),
    ("B80120000500A", None), ("801200005001", None), ("I801200005001", None), (None, None),
])  # fmt: skip
def test_a_upn_passes_its_check_letter_and_is_permanent(written: str | None, form: str | None) -> None:
    assert n.pupil_number(written) == form


HOME = Person("Anna", None, "Smith", "2015-03-09", "12", "High Street", "AB1 2CD", "9434765919", None)


@pytest.mark.parametrize("flag", ["restricted", "communal"])
def test_no_address_leaves_for_the_restricted_or_from_a_communal_home(flag: str) -> None:
    at_home = normalise(HOME)
    assert (at_home.number, at_home.street, at_home.postcode) == ("12", "high street", "ab12cd")
    there = normalise(Person("Anna", None, "Smith", None, "12", "High Street", "AB1 2CD", **{flag: True}))
    assert (there.number, there.street, there.postcode) == (None, None, None)
    assert there.given == "anna"
    assert getattr(there, flag)


def test_a_person_is_not_printed() -> None:
    assert "Anna" not in repr(HOME)
    assert "Smith" not in f"{[HOME]}"


@pytest.mark.parametrize(("written", "form"), [
    ("Northmere", "northmere"), ("St. Helens", "st helens"), ("Not known", None), ("", None), (None, None),
])  # fmt: skip
def test_a_place_is_words(written: str | None, form: str | None) -> None:
    assert n.place(written) == form


@pytest.mark.parametrize(("written", "form"), [
    ("Anna.Smith@Example.org", "anna smith@example org"), ("a@b@c.org", "ab@c org"), ("anna", None), ("@c.org", None),
    ("unknown@example.org", None), (None, None),
])  # fmt: skip
def test_an_email_address_has_a_name_and_a_domain(written: str | None, form: str | None) -> None:
    assert n.email(written) == form


@pytest.mark.parametrize(("written", "form"), [
    ("07700 900123", "07700900123"), ("QQ 12-34-56 C", "qq123456c"), ("000000", None), ("123", None), (None, None),
])  # fmt: skip
def test_a_number_has_no_spaces(written: str | None, form: str | None) -> None:
    assert n.code(written) == form


@pytest.mark.parametrize(("written", "form"), [
    ("100023336956", "100023336956"), ("000100023336", "100023336"), ("0", None), ("1234567890123", None), ("12a", None),
    (None, None),
])  # fmt: skip
def test_a_uprn_is_up_to_twelve_digits(written: str | None, form: str | None) -> None:
    assert n.property_number(written) == form
