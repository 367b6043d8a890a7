"""A platform and two desks of agencies with different keys, as processes on a real broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka as ck
import httpx

from bridge import keys
from bridge.desk.accounts import Account, hash_password, write
from bridge.desk.audit import entries
from bridge.keys import AgencyKeys
from bridge.store import Store
from demo import settings
from demo.crew import Crew
from demo.listen import Listener
from demo.stack import Stack
from demo.stack.processes import Watchdog, free_port
from schemas import codec, crypto
from schemas.control import statement
from tests.smalltown import AGENCIES, NAME, START_MS, Smalltown, entry
from tests.unit.bridge.desk.support import APPROVERS, OPEN, token, valkey

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
        return messages(self.stack)


def messages(stack: Stack) -> dict[str, list[bytes]]:
    """Every message on the platform's broker, by topic."""
    reader = ck.Consumer({**stack.kafka("admin"), "group.id": "scan", "enable.auto.commit": False})
    try:
        listed = reader.list_topics(timeout=30).topics
        topics = {name: topic.partitions for name, topic in listed.items() if not name.startswith("__")}
        found: dict[str, list[bytes]] = {name: [] for name in topics}
        for topic, key, value in read(reader, [(name, number) for name in topics for number in topics[name]]):
            found[topic].append(key + value)
    finally:
        reader.close()
    return found


def read(reader: ck.Consumer, partitions: Iterable[tuple[str, int]]) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value of every message that is there now."""
    marks = {one: reader.get_watermark_offsets(ck.TopicPartition(*one), timeout=30) for one in partitions}
    ends = {one: end for one, (low, end) in marks.items() if low < end}
    reader.assign([ck.TopicPartition(*one, marks[one][0]) for one in ends])
    deadline = time.monotonic() + WAIT_S
    while ends:
        assert time.monotonic() < deadline, f"{sorted(ends)} are read"
        for message in reader.consume(500, 0.2):
            assert message.error() is None
            yield message.topic() or "", message.key() or b"", message.value() or b""
        for at in reader.position([ck.TopicPartition(*one) for one in ends]):
            if at.offset >= ends[at.topic, at.partition]:
                del ends[at.topic, at.partition]


def signed(disclosures: list[dict[str, Any]]) -> str:
    body = json.dumps({"protocols": OPEN, "disclosures": disclosures})
    said = statement(NAME, "protocols", 1, 0, body)
    approvals = [
        {"approver": name, "signature": crypto.sign(private, said).hex()} for name, (private, _) in APPROVERS.items()
    ]
    return json.dumps({"version": 1, "effective_at": 0, "body": body, "approvals": approvals})


@contextmanager
def county_on(stack: Stack, folder: Path) -> Iterator[County]:
    """The county on a started stack; its processes are gone afterwards."""
    watchdog = Watchdog()
    crew = Crew(folder, watchdog)
    with valkey() as memory:
        try:
            made = County(stack, folder, crew, memory)
            yield made
            made.heard.stop()
            for client in made.web.values():
                client.close()
        finally:
            crew.stop()
            watchdog.close()
