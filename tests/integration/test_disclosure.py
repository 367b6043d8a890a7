"""Two agencies of different keys on a real broker: one asks, the other answers, the platform carries ciphertext."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import httpx
import pytest

import cli
from bridge import keys
from bridge.desk.accounts import Account, hash_password, write
from bridge.desk.audit import entries, verify
from bridge.keys import AgencyKeys
from bridge.store import Store
from demo import settings
from demo.crew import Crew
from demo.listen import Listener
from demo.stack import PLATFORM, Stack
from demo.stack.processes import Watchdog, free_port
from schemas import codec, crypto
from schemas.control import statement
from schemas.exchange import seal_info
from tests.smalltown import AGENCIES, MARY, NAME, START_MS, Smalltown, entry
from tests.unit.bridge.desk.support import APPROVERS, OPEN, token, valkey

pytestmark = pytest.mark.integration
PLANTED, TEXT = "Zephyrine", "the neighbour heard porcelain breaking"
TEAMS = {"mash": {"agency": "council", "front_door": True}, "safeguarding-police": {"agency": "police"}}
GRAVE = [{"family": "violence", "severity": 4, "origin": "structured"}]
DISCLOSES = [
    {"id": "who-is-this", "title": "Who a child is", "to": ["council"], "legal_basis": "test", "purposes": ["identify"],
     "kinds": ["identity"], "rung": 4, "needs": "duty", "automatic": True},
    {"id": "enquiry", "title": "An enquiry", "to": ["council"], "legal_basis": "test", "purposes": ["protect"],
     "kinds": ["record"], "rung": 4, "needs": "none"},
]  # fmt: skip
WAIT_S = 90.0


def eventually(holds: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


class County:
    """Platform and two desks as processes; the bridges' messages are sent by the test."""

    def __init__(self, stack: Stack, folder: Path, crew: Crew, memory: str) -> None:
        self.stack, self.folder, self.crew = stack, folder, crew
        self.keys = folder / "keys"
        self.town = Smalltown(self.keys)
        self.rid = self.town.rid("police", "mary")
        self._start_platform()
        self.heard = Listener(stack.kafka, ("mash",), "council")
        for agency in AGENCIES:
            self._write_desk(agency, memory)
        self.web = {agency: httpx.Client(base_url=f"http://127.0.0.1:{self._serve(agency)}", follow_redirects=True, timeout=30)
                    for agency in AGENCIES}  # fmt: skip

    def _start_platform(self) -> None:
        register = self.town.register(teams=TEAMS)
        register["agencies"]["police"]["presence_team"] = "safeguarding-police"
        file = self.folder / "register.json"
        file.write_text(json.dumps(register))
        teams = [{"name": team, "agency": row["agency"]} for team, row in TEAMS.items()]
        rules = self.town.rules(teams=teams, raise_at=0.037, clear_ratio=0.95)
        self.send("governance", self.town.control("register", register), self.town.control("rules", rules))

        def kafka(principal: str) -> dict[str, str]:
            return settings.kafka(self.stack, principal)

        held = str(self.keys / "platform")
        self.crew.start(
            "intake", ("intake",), {"kafka": kafka("intake"), "registers": {NAME: str(file)}, "tick_s": 1}
        )
        self.crew.start("worker", ("worker",), {"kafka": kafka("worker"), "keys": held, "session_timeout_s": 6.0,
                                                "snapshots": str(self.folder / "snapshots"), "instance": "worker-1"})  # fmt: skip
        self.crew.start("publisher", ("publisher",), {"kafka": kafka("publisher"), "keys": held})

    def send(self, principal: str, *messages: bytes) -> None:
        """Journal entries, as the messages that they were made of, by whoever may write them."""
        producer = ck.Producer(self.stack.kafka(principal))
        for message in messages:
            _, made = codec.decode(message, frozenset({"journal"}))
            producer.produce(made["origin"], made["body"], NAME)
        assert producer.flush(30) == 0

    def open(self, agency: str) -> None:
        """Hand over the agency's payload key, on both lanes as a bridge does."""
        (key,) = (one for one in self.town.opening()[2:] if agency.encode() in one)
        _, made = codec.decode(key, frozenset({"journal"}))
        lanes = (self.town.topic(agency, lane) for lane in ("identity", "event"))
        self.send(f"bridge-{agency}", *(entry(topic, made["body"], START_MS) for topic in lanes))

    def _write_desk(self, agency: str, memory: str) -> None:
        home = self.folder / agency
        home.mkdir()
        store = Store(home / "store.sqlite", AgencyKeys.load(self.keys / agency).agency_key)
        if agency == "police":
            subject = store.blind("subject", self.rid.hex())
            with store.batch():
                store.set_named(
                    self.rid,
                    subject,
                    {"given": PLANTED, "surname": "Quillfeather", "dob": "2014-03-09", "key": ["P1"]},
                )
                event = {"source": "db", "event": "e", "key": ["1"], "kind": "incident", "occurred_at": 1_736_121_600_000,
                         "factors": GRAVE, "outcome": "", "texts": [TEXT], "columns": {}}  # fmt: skip
                store.set_named(b"event-1", subject, event)
        store.close()
        own = [team for team, row in TEAMS.items() if row["agency"] == agency]
        write(
            home / "accounts.json",
            [Account(f"{agency}-1", "sam", "Sam Duty", hash_password("night shift"), tuple(own), (), ("rung-4",))],
        )
        (home / "protocols.json").write_text(signed(DISCLOSES if agency == "police" else []))
        partners = {name: keys.register_entry(self.keys / name) for name in AGENCIES}
        (home / "partners.json").write_text(json.dumps(partners))
        self.desk_file(agency).write_text(json.dumps({
            "partnership": NAME, "agency": agency, "kafka": settings.kafka(self.stack, f"desk-{agency}"),
            "teams": {team: {"name": team, "kafka": settings.kafka(self.stack, f"team-{team}")} for team in own},
            "agencies": {name: {"name": name.title(), "office_number": "01632 960111"} for name in AGENCIES},
            "redis_url": memory, "keys": str(self.keys / agency), "store": "store.sqlite", "accounts": "accounts.json",
            "protocols": "protocols.json", "records": "desk.sqlite", "audit": "audit.jsonl", "secret_file": "secret",
            "approvers": {name: public.hex() for name, (_, public) in APPROVERS.items()}, "https": False,
            "exchange": {"partners": "partners.json", "kept": "exchange.sqlite"},
        }))  # fmt: skip

    def desk_file(self, agency: str) -> Path:
        return self.folder / agency / "desk.json"

    def _serve(self, agency: str) -> int:
        port = free_port()
        self.crew.start(f"desk-{agency}", ("desk", "--port", str(port)), json.loads(self._absolute(agency)))
        return port

    def _absolute(self, agency: str) -> str:
        """The settings with whole paths: the crew keeps its files elsewhere."""
        made = json.loads(self.desk_file(agency).read_text())
        for name in ("store", "accounts", "protocols", "records", "audit", "secret_file"):
            made[name] = str(self.folder / agency / made[name])
        made["exchange"] = {name: str(self.folder / agency / path) for name, path in made["exchange"].items()}
        return json.dumps(made)

    def sign_in(self, agency: str) -> None:
        client = self.web[agency]

        def answers() -> bool:
            try:
                return client.get("/healthz").status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, f"the desk of {agency} serves")
        form = token(client.get("/sign-in").text)
        assert (
            client.post("/sign-in", data={"login": "sam", "password": "night shift", "csrf": form}).status_code == 200
        )

    def audit(self, agency: str, action: str) -> list[dict[str, Any]]:
        return [line for line in entries(self.folder / agency / "audit.jsonl") if line["action"] == action]

    def topics(self) -> dict[str, list[bytes]]:
        """Every message on the broker, by topic."""
        reader = ck.Consumer({**self.stack.kafka("admin"), "group.id": "scan", "enable.auto.commit": False})
        found: dict[str, list[bytes]] = {}
        try:
            for name, topic in reader.list_topics(timeout=30).topics.items():
                if not name.startswith("__"):
                    found[name] = [
                        key + value for partition in topic.partitions for key, value in read(reader, name, partition)
                    ]
        finally:
            reader.close()
        return found


def read(reader: ck.Consumer, topic: str, partition: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of every message that is there now."""
    first = ck.TopicPartition(topic, partition)
    low, end = reader.get_watermark_offsets(first, timeout=30)
    reader.assign([ck.TopicPartition(topic, partition, low)])
    deadline = time.monotonic() + WAIT_S
    while low < end:
        assert time.monotonic() < deadline, f"{topic}/{partition} is read"
        for message in reader.consume(500, 0.5):
            assert message.error() is None
            yield message.key() or b"", message.value() or b""
        low = max(low, reader.position([first])[0].offset)


def signed(disclosures: list[dict[str, Any]]) -> str:
    body = json.dumps({"protocols": OPEN, "disclosures": disclosures})
    said = statement(NAME, "protocols", 1, 0, body)
    approvals = [
        {"approver": name, "signature": crypto.sign(private, said).hex()} for name, (private, _) in APPROVERS.items()
    ]
    return json.dumps({"version": 1, "effective_at": 0, "body": body, "approvals": approvals})


@pytest.fixture
def county(start_stack: Callable[..., AbstractContextManager[Stack]], tmp_path: Path) -> Iterator[County]:
    watchdog = Watchdog()
    crew = Crew(tmp_path, watchdog)
    with start_stack(tmp_path / "stack", parts={PLATFORM}) as stack, valkey() as memory:
        try:
            made = County(stack, tmp_path, crew, memory)
            yield made
            made.heard.stop()
            for client in made.web.values():
                client.close()
        finally:
            crew.stop()
            watchdog.close()


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
        codec.decode(value, frozenset({"disclosure"}))[1] for _, value in read(reader, "disclosures-police", 0)
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
