"""My children: who is on the list, in which order, what each rung shows, and how it is audited."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bridge.desk.audit import entries
from bridge.desk.cases.children import ROWS_MAX
from tests.unit.bridge.desk.support import (
    ANN,
    BEN,
    CAT,
    NOW,
    Client,
    Made,
    alert,
    event,
    household,
    outcomes,
    profile,
    sign_in,
)

PAGE = "/children/mash"
NAME = re.compile(r'<span class="desk-person__name">([^<]*)</span>')


def caseload(made: Made) -> None:
    """Ann scores low, Ben high, Cat has an alert."""
    plan = {"kind": "protection_plan", "started_at": NOW - 1, "ended_at": None}
    over = {"kind": "looked_after", "started_at": NOW - 9, "ended_at": NOW - 5}
    made.people.profiles |= {one: profile(one) for one in (ANN, BEN)}
    made.people.profiles[CAT] = profile(CAT, statuses=[over, plan])
    made.people.events[CAT] = [event("referral", 3), event("contact_nfa", 9)]
    for record, key, score in ((ANN, "aa", 10_000), (BEN, "bb", 900_000)):
        made.arrives(household(key, records=[record.hex()], score_ppm=score, outcomes=outcomes()))
    made.arrives(alert(records=[CAT], household="cc"))


def test_those_in_need_come_first_and_only_the_teams_own(desk: Made, client: Client) -> None:
    caseload(desk)
    desk.people.profiles[b"other"] = profile(b"other", allocation="duty-east")
    sign_in(client)
    page = client.get(PAGE).text
    assert [name.split()[0] for name in NAME.findall(page)] == ["Catriona", "Benedict", "Annabel"]
    assert "3 people are allocated to Front door" in page
    for said in ("90.0 %", "Referral, Fri 21 Nov", "Child protection plan", "about 3.1 % in 26 weeks"):
        assert said in page, said
    assert "Looked after" not in page, "it has ended"
    desk.arrives(alert(records=[CAT], household="cc", version=2, state="cleared"))
    assert NAME.findall(client.get(PAGE).text)[0].startswith("Benedict"), "what is closed asks for nothing"


@pytest.mark.parametrize("rung", range(5))
def test_the_list_shows_nothing_above_the_rung_not_even_by_its_order(make: Callable[..., Made], rung: int) -> None:
    made = make({"sam": rung})
    caseload(made)
    with Client(made) as client:
        sign_in(client)
        page = client.get(PAGE).text
    shows = {"A pattern has crossed": 0, "Child protection plan": 2, "Referral, Fri": 3, "90.0 %": 3, "3.1 %": 3,
             "Quillfeather": 4}  # fmt: skip
    for sentinel, least in shows.items():
        assert (sentinel in page) == (rung >= least), sentinel
    order = [bytes.fromhex(one) for one in re.findall(r'href="/people/([0-9a-f]+)"', page)]
    assert order == ([CAT, BEN, ANN] if rung >= 3 else [CAT, ANN, BEN]), "below the summary by no score"


def test_each_page_reads_its_names_in_one_line_of_the_audit(desk: Made, client: Client) -> None:
    records = [b"child-%03d" % number for number in range(ROWS_MAX + 7)]
    desk.people.profiles |= {record: profile(record) for record in records}
    sign_in(client)
    assert client.get(PAGE).text.count('<li class="desk-card') == ROWS_MAX
    second = client.get(f"{PAGE}?page=2").text
    assert second.count('<li class="desk-card') == 7
    assert "Page 2 of 2" in second
    lines = [line for line in entries(desk.config.audit) if line["action"] in ("children", "name_children")]
    assert [line["action"] for line in lines] == ["children", "name_children"] * 2
    assert [line.get("page") for line in lines[::2]] == [1, 2]
    assert [one for line in lines[1::2] for one in line["subjects"]] == [record.hex() for record in records]
    assert "Nobody on this page" in client.get(f"{PAGE}?page=3").text
    for wrong in ("0", "-1", "x", "99999", "1.0", "²"):
        assert client.get(PAGE, params={"page": wrong}).status_code == 404, wrong
