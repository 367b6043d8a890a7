"""Somebody is looked up on a real broker: encoded at one agency's desk, found by another's record, read by nobody."""

from __future__ import annotations

import re
import time

import confluent_kafka as ck
import pytest

from bridge.desk.audit import verify
from bridge.encode import Encoder
from bridge.keys import AgencyKeys
from bridge.normalise import Person
from tests.integration.county import County, eventually
from tests.smalltown import AGENCIES
from tests.unit.bridge.desk.support import token

pytestmark = pytest.mark.integration
GIVEN, SURNAME = "Zephyrine", "Quillfeather"
CHILD = Person(given=GIVEN, surname=SURNAME, dob="2014-03-09", number="12", street="Larkspur Way", postcode="ZE1 9XX")
TYPED = {"given": "zephyrine", "surname": "Quilfeather", "day": "9", "month": "3", "year": "2014",
         "purpose": "safeguarding", "reason": ""}  # fmt: skip
DATES = ("2014-03-09", "20140309", "9 March 2014")


def test_a_child_whom_the_police_know_is_found_from_the_councils_desk_and_nobody_between_reads_the_name(
    county: County,
) -> None:
    town, now = county.town, int(time.time() * 1000)
    eventually(lambda: "control:register" in county.heard.views, "the register is in force")
    held = AgencyKeys.load(county.keys / "police")
    encoded = Encoder(held.linkage_key, held.linkage_epoch).identity(CHILD)
    for agency in AGENCIES:
        county.open(agency)
    county.send("bridge-police", town.send("police", "identity", county.rid, encoded, now),
                town.profile("police", "mary", now))  # fmt: skip
    for agency in AGENCIES:
        county.send(f"bridge-{agency}", town.heartbeat(agency, now), town.live(agency, now))
        county.sign_in(agency)
    eventually(lambda: county.heard.phase == "live", "the partnership is live")

    found = look_up(county, "council", {})
    assert "Not known to us" in found and "Police" in found and "01632 960111" in found
    assert GIVEN not in found, "the council holds no record of the child"
    assert GIVEN in look_up(county, "police", {}), "the police hold one"
    nobody = look_up(county, "council", {"day": "21", "month": "6", "year": "2012"})
    assert "Nobody was found" in nobody

    county.send("bridge-police", town.profile("police", "mary", now, restricted=True))
    eventually(lambda: look_up(county, "council", {}) == nobody, "a restricted child is nobody, in the same words")
    for agency in AGENCIES:
        assert verify(county.folder / agency / "audit.jsonl") is None
    assert len(county.audit("council", "look_up")) >= 3
    assert {line["purpose"] for line in county.audit("council", "look_up")} == {"safeguarding"}
    nothing_is_readable(county)


def look_up(county: County, agency: str, changes: dict[str, str]) -> str:
    """What the answer says, without what is of this look-up alone."""
    client = county.web[agency]
    answer = client.post("/look-up", data={**TYPED, **changes, "csrf": token(client.get("/look-up").text)})
    assert re.fullmatch("/look-up/[0-9a-f]{32}", answer.url.path), answer.text

    def answered() -> str:
        text = client.get(f"{answer.url.path}/answer").text
        return "" if "being compared" in text else text

    text: str = eventually(answered, "the answer")
    return re.sub("[0-9a-f]{32}", "ID", text)


def nothing_is_readable(county: County) -> None:
    """On no topic, in no log, in no audit; the scan first finds what was planted for it."""
    producer = ck.Producer(county.stack.kafka("admin"))
    producer.produce("responses-council", GIVEN.encode())
    assert producer.flush(30) == 0
    topics = county.topics()
    for name in ("journal", "commits", "views-council", "requests-council"):
        assert topics[name], name
    for word in (GIVEN, TYPED["surname"], SURNAME, *DATES):
        holding = {name for name, messages in topics.items() for message in messages
                   if word.lower().encode() in message.lower()}  # fmt: skip
        assert holding == ({"responses-council"} if word == GIVEN else set()), word
    written = [*(county.folder / "logs").glob("*.log"), *county.folder.glob("*/audit.jsonl")]
    assert len(written) >= 5
    for path in written:
        assert not [
            word for word in (GIVEN, SURNAME, TYPED["surname"]) if word.lower() in path.read_text().lower()
        ], path
    for path in county.folder.glob("council/*.sqlite*"):
        assert TYPED["surname"].encode() not in path.read_bytes()
