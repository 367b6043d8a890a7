"""Two agencies of different keys on a real broker: one asks, the other answers, the platform carries ciphertext."""

from __future__ import annotations

import json
import re
import time

import confluent_kafka as ck
import pytest

import cli
from bridge.desk.audit import verify
from bridge.keys import AgencyKeys
from schemas import codec, crypto
from schemas.exchange import seal_info
from tests.integration.county import GRAVE, PLANTED, TEXT, County, eventually, read
from tests.smalltown import AGENCIES, MARY
from tests.unit.bridge.desk.support import token

pytestmark = pytest.mark.integration


def test_one_agency_asks_and_the_other_answers_and_nobody_between_reads_it(
    county: County, capsys: pytest.CaptureFixture[str]
) -> None:
    town, now = county.town, int(time.time() * 1000)
    eventually(lambda: "control:register" in county.heard.views, "the register is in force")
    for agency in AGENCIES:
        county.open(agency)
    county.send("bridge-police", town.identity("police", "mary", MARY, now), town.profile("police", "mary", now))
    for agency in AGENCIES:
        county.send(f"bridge-{agency}", town.heartbeat(agency, now), town.live(agency, now))
        county.sign_in(agency)
    council, police = county.web["council"], county.web["police"]
    eventually(lambda: county.heard.phase == "live", "the partnership is live")
    events = (town.event("police", "mary", f"e{number}", now, factors=GRAVE) for number in range(3))
    county.send("bridge-police", *events)

    def alert() -> str:
        found = re.search(r"/alerts/([0-9a-f]{32})", council.get("/inbox/mash").text)
        return found[1] if found else ""

    alert_id = eventually(alert, "the alert")
    page = council.get(f"/alerts/{alert_id}").text
    assert "Not known to us" in page and "Ask Police who this is" in page
    answer = council.post(f"/alerts/{alert_id}/request", data={
        "csrf": token(page), "agency": "police", "kind": "identity", "purpose": "identify", "basis": "duty"})  # fmt: skip
    identity = answer.url.path
    page = eventually(lambda: (text := council.get(identity).text) and PLANTED in text and text, "the child is named")
    assert "born 9 March 2014" in page
    form = token(council.get(f"/alerts/{alert_id}").text)
    answer = council.post(f"/alerts/{alert_id}/request", data={
        "csrf": form, "agency": "police", "kind": "record", "purpose": "protect", "basis": "none"})  # fmt: skip
    record = answer.url.path
    eventually(lambda: record in police.get("/requests").text, "the police see the request")
    assert TEXT not in council.get(record).text
    page = police.get(record).text
    assert PLANTED in page and "An enquiry" in page
    assert police.post(f"{record}/answer", data={"csrf": token(page)}).status_code == 200
    eventually(lambda: TEXT in council.get(record).text, "the record is there")

    disclosed = {line["subjects"][0]: line["sha256"] for line in county.audit("police", "disclose")}
    received = {line["subjects"][0]: line["sha256"] for line in county.audit("council", "received")}
    assert disclosed == received
    assert set(disclosed) == {identity.rpartition("/")[2], record.rpartition("/")[2]}
    for agency in AGENCIES:
        assert verify(county.folder / agency / "audit.jsonl") is None
    nothing_is_readable(county)
    only_the_council_opens_it(county)
    eventually(lambda: heads_of_the_police(county, capsys), "the head of the police's audit")


def nothing_is_readable(county: County) -> None:
    """On no topic of the platform; the scan first finds what was planted for it."""
    producer = ck.Producer(county.stack.kafka("admin"))
    producer.produce("responses-council", PLANTED.encode())
    assert producer.flush(30) == 0
    topics = county.topics()
    assert all(
        topics[name] for name in ("journal", "commits", "views-police", "requests-council", "disclosures-police")
    )
    for words in (PLANTED, TEXT):
        found = {name for name, messages in topics.items() if any(words.encode() in message for message in messages)}
        assert found == ({"responses-council"} if words == PLANTED else set())
    logs = "".join(path.read_text() for path in (county.folder / "logs").glob("*.log"))
    assert PLANTED not in logs and TEXT not in logs


def only_the_council_opens_it(county: County) -> None:
    """Every desk may read the topic, and one holds the key."""
    reader = ck.Consumer(
        {**county.stack.kafka("desk-hospital"), "group.id": "desk-hospital.scan", "enable.auto.commit": False}
    )
    letters = [
        codec.decode(value, frozenset({"disclosure"}))[1] for _, _, value in read(reader, [("disclosures-police", 0)])
    ]
    reader.close()
    sealed = [letter for letter in letters if letter["kind"] == "answer"]
    assert len(sealed) == 2
    held = {agency: AgencyKeys.load(county.keys / agency).seal_private for agency in AGENCIES}
    for letter in sealed:
        assert b"kind" in crypto.hpke_open(held["council"], letter["sealed"], seal_info(letter))
        for other in (held["police"], crypto.hpke_keypair()[0]):
            with pytest.raises(crypto.Broken):
                crypto.hpke_open(other, letter["sealed"], seal_info(letter))


def heads_of_the_police(county: County, capsys: pytest.CaptureFixture[str]) -> bool:
    """The council hands over what it kept, and the police's audit fits it."""
    capsys.readouterr()
    assert cli.main(["audit", "heads", "--config", str(county.desk_file("council")), "--of", "police"]) == 0
    text = capsys.readouterr().out
    if not json.loads(text):
        return False
    file = county.folder / "heads.json"
    file.write_text(text)
    assert cli.main(["audit", "verify", "--config", str(county.desk_file("police")), "--heads", str(file)]) == 0
    return True
