"""The pages of requests over HTTP: who sees what, asks what and decides what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.desk.access import bases
from bridge.desk.accounts import Account
from bridge.desk.audit import AuditDown, entries
from bridge.desk.exchange.asker import Wish
from tests.unit.bridge.desk.exchange.support import deliver, view
from tests.unit.bridge.desk.support import _HASH as PASSWORD_HASH
from tests.unit.bridge.desk.support import ANN, CAT, NOW, PASSWORD, Client, Made, alert, sign_in, token, valkey

ALERT = "a1" * 16
ASK = {"agency": "police", "kind": "identity", "purpose": "identify", "basis": "duty"}
FIRST = {"id": "assess-first", "title": "Assess first", "purpose": "safeguarding", "legal_basis": "test",
         "agencies": ["police"], "rung": 3, "assessment_first": True}  # fmt: skip
OWN = {
    "id": "own",
    "title": "Own",
    "purpose": "safeguarding",
    "legal_basis": "test",
    "agencies": ["council"],
    "rung": 4,
}
ASKING = {"id": "ask", "title": "With a basis", "purpose": "safeguarding", "legal_basis": "test", "agencies": ["*"],
          "rung": 4, "free_rung": 1, "bases": ["consent"], "step_up_rung": 4}  # fmt: skip


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with valkey() as address:
        yield address


class Pair:
    """The council's desk over HTTP, and the police's exchange at the other end of a wire."""

    def __init__(self, folder: Path, redis_url: str, rung: int = 4) -> None:
        more = [Account("u-wren", "wren", "Wren Worker", PASSWORD_HASH, ("mash",), (), ("rung-4", "assess-first")),
                Account("u-ari", "ari", "Ari Asking", PASSWORD_HASH, ("mash",), (), ("own", "ask"))]  # fmt: skip
        self.made = Made(folder, redis_url, {"sam": rung}, more, [FIRST, OWN, ASKING])
        self.side, self.police = self.made.join()
        self.wire = self.side.wire

    def audit(self, action: str) -> list[dict[str, Any]]:
        return [line for line in entries(self.made.config.audit) if line["action"] == action]

    def post(self, client: Client, path: str, **fields: str) -> Any:
        form = token(client.get("/requests").text)
        return client.post(path, data={"csrf": form, **fields})

    def asks(self, client: Client, **changes: str) -> str:
        """Ask, and where the answer will be."""
        answer = self.post(client, f"/alerts/{ALERT}/request", **{**ASK, **changes})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def asked_of_us(self, **changes: Any) -> str:
        request_id = "0" * 31 + "7"
        body = {"agency": "police", "team": "desk", "user": "p-1", "kind": "record", "purpose": "protect", "basis": "duty",
                "requested_at": NOW, "expires_at": NOW + 3_600_000, "records": [ANN.hex()], **changes}  # fmt: skip
        self.side.takes("view", view(request_id, body), "views/0")
        return request_id


@pytest.fixture
def pair(tmp_path: Path, redis_url: str) -> Iterator[Pair]:
    pair = Pair(tmp_path, redis_url)
    yield pair
    pair.made.close()


@pytest.fixture
def client(pair: Pair) -> Iterator[Client]:
    pair.made.arrives(alert(records=[], known_to=["police"]))
    with Client(pair.made) as client:
        sign_in(client)
        yield client


def test_one_touch_asks_who_a_child_not_known_to_us_is_and_names_it_when_answered(pair: Pair, client: Client) -> None:
    page = client.get(f"/alerts/{ALERT}").text
    assert "Ask Northmere Police who this is" in page
    where = pair.asks(client)
    page = client.get(where).text
    assert "It has not been answered" in page
    assert "Wilhelmina" not in page
    deliver(pair.wire, pair.side, pair.police)
    pair.police.beat()
    deliver(pair.wire, pair.side, pair.police)
    page = client.get(where).text
    for words in ("Wilhelmina Ashdown", "born 2 January 2015", "Their reference P1", "01632 960111"):
        assert words in page
    assert "Answered" in client.get("/requests").text
    assert "Wilhelmina" not in client.get("/requests").text
    (line,) = pair.audit("read_answer")
    assert line["subjects"] == [where.rpartition("/")[2], ALERT]
    assert line["sha256"] == pair.police.lines("disclose")[0]["sha256"]


def test_the_alert_leads_to_what_was_asked_about_it_and_does_not_offer_it_again(pair: Pair, client: Client) -> None:
    assert "Asked already" not in client.get(f"/alerts/{ALERT}").text
    where = pair.asks(client)
    for state in ("Open", "Answered"):
        page = client.get(f"/alerts/{ALERT}").text
        assert "Asked already" in page and f'href="{where}"' in page and f">{state}</strong>" in page
        assert "Ask Northmere Police who this is" not in page
        assert "Wilhelmina" not in page, "a name is read on the page of its request"
        deliver(pair.wire, pair.side, pair.police)
        pair.police.beat()
        deliver(pair.wire, pair.side, pair.police)
    pair.made.arrives(alert(records=[], known_to=["police"], state="cleared", version=2))
    page = client.get(f"/alerts/{ALERT}").text
    assert f'href="{where}"' in page and "Ask them here" not in page


def test_an_answer_is_audited_before_it_is_shown(pair: Pair, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    where = pair.asks(client)
    deliver(pair.wire, pair.side, pair.police)
    pair.police.beat()
    deliver(pair.wire, pair.side, pair.police)

    def down(*_: object, **__: object) -> None:
        raise AuditDown("disk full")

    monkeypatch.setattr(pair.made.audit, "record", down)
    answer = client.get(where)
    assert answer.status_code == 503
    assert "Wilhelmina" not in answer.text


def test_a_record_is_shown_with_texts_and_a_summary_without(pair: Pair, client: Client) -> None:
    for kind, shown in (("record", True), ("summary", False)):
        where = pair.asks(client, kind=kind, purpose="protect")
        deliver(pair.wire, pair.side, pair.police)
        pair.police.holder.answer(where.rpartition("/")[2], "p-7")
        deliver(pair.wire, pair.side, pair.police)
        page = client.get(where).text
        assert "Violence or domestic abuse" in page
        assert ("neighbour heard shouting" in page, "Wilhelmina" in page) == (shown, shown)


def test_a_refusal_says_why(pair: Pair, client: Client) -> None:
    where = pair.asks(client, kind="record", purpose="protect")
    deliver(pair.wire, pair.side, pair.police)
    pair.police.holder.refuse(where.rpartition("/")[2], "p-7", "call_us")
    deliver(pair.wire, pair.side, pair.police)
    assert "We would rather speak" in client.get(where).text


@pytest.mark.parametrize(
    "changes",
    [{"agency": "schools"}, {"agency": "council"}, {"agency": "hospital"}, {"agency": "nobody"}, {"kind": "everything"},
     {"purpose": "curiosity"}, {"basis": "because"}],
)  # fmt: skip
def test_what_may_not_be_asked_is_not_found(pair: Pair, client: Client, changes: dict[str, str]) -> None:
    assert pair.post(client, f"/alerts/{ALERT}/request", **{**ASK, **changes}).status_code == 404
    assert not pair.wire.sent
    assert not pair.audit("ask")


@pytest.mark.parametrize("state", ["cleared", "retracted"])
def test_of_a_closed_alert_nothing_is_asked(pair: Pair, client: Client, state: str) -> None:
    pair.made.arrives(alert(records=[], known_to=["police"], state=state, version=2))
    assert "who this is" not in client.get(f"/alerts/{ALERT}").text
    assert pair.post(client, f"/alerts/{ALERT}/request", **ASK).status_code == 404


@pytest.mark.parametrize("rung", [0, 1, 2, 3])
def test_who_may_not_name_own_records_asks_reads_and_decides_nothing(
    tmp_path: Path, redis_url: str, rung: int
) -> None:
    pair = Pair(tmp_path, redis_url, rung)
    pair.made.arrives(alert(records=[], known_to=["police"]))
    asked = pair.side.asker.ask("u-other", "mash", Wish("police", "identity", "identify", "duty", ALERT))
    incoming = pair.asked_of_us()
    with Client(pair.made) as client:
        sign_in(client)
        assert "who this is" not in client.get(f"/alerts/{ALERT}").text
        listed = client.get("/requests").text
        assert asked not in listed and incoming not in listed
        missing = client.get("/requests/" + "f" * 32)
        for request_id in (asked, incoming):
            page = client.get(f"/requests/{request_id}")
            assert (page.status_code, page.text) == (404, missing.text)
            for what in ("answer", "refuse"):
                assert pair.post(client, f"/requests/{request_id}/{what}", reason="call_us").status_code == 404
        assert pair.post(client, f"/alerts/{ALERT}/request", **ASK).status_code == 404
    assert not pair.audit("disclose")
    pair.made.close()


def test_assessment_first_lets_a_worker_ask_who_it_is_and_no_more(pair: Pair, client: Client) -> None:
    sam = pair.asks(client, kind="record", purpose="protect")
    client.post("/sign-out", data={"csrf": token(client.get("/requests").text)})
    sign_in(client, "wren")
    page = client.get(f"/alerts/{ALERT}").text
    assert "Ask Northmere Police who this is" in page
    assert 'value="record"' not in page
    assert pair.post(client, f"/alerts/{ALERT}/request", **{**ASK, "kind": "record"}).status_code == 404
    assert client.get(sam).status_code == 404, "nor does a colleague's answer show it"
    pair.asks(client)


def test_another_teams_request_is_not_there(pair: Pair, client: Client) -> None:
    where = pair.asks(client)
    client.post("/sign-out", data={"csrf": token(client.get("/requests").text)})
    sign_in(client, "tess")
    assert client.get(where).status_code == 404
    assert client.get("/requests").status_code == 404, "tess has no team here"


def test_a_request_to_us_names_our_records_and_is_decided_by_a_named_person(pair: Pair, client: Client) -> None:
    request_id = pair.asked_of_us()
    assert "Northmere Police" in client.get("/requests").text
    page = client.get(f"/requests/{request_id}").text
    for words in ("Annabel Quillfeather", "to protect a child", "a duty to share", "No protocol covers this"):
        assert words in page
    assert pair.audit("name_request")[0]["subjects"] == [ANN.hex()]
    answer = pair.post(client, f"/requests/{request_id}/answer", note="", basis="duty")
    assert answer.status_code == 400
    assert not pair.audit("disclose")
    answer = pair.post(client, f"/requests/{request_id}/answer", note="strategy meeting today", basis="duty")
    assert answer.status_code == 303
    (line,) = pair.audit("disclose")
    assert (line["user"], line["to"], line["protocol"], line["basis"]) == ("u-sam", "police", "none", "duty")
    page = client.get(f"/requests/{request_id}").text
    assert "Decided by Sam Duty" in page
    assert "strategy meeting today" in page
    assert pair.post(client, f"/requests/{request_id}/refuse", reason="call_us").status_code == 400


def test_a_request_to_us_is_refused_with_a_reason_of_the_list(pair: Pair, client: Client) -> None:
    request_id = pair.asked_of_us()
    assert pair.post(client, f"/requests/{request_id}/refuse", reason="no").status_code == 400
    assert pair.post(client, f"/requests/{request_id}/refuse", reason="not_needed").status_code == 303
    assert "more than the purpose needs" in client.get(f"/requests/{request_id}").text
    assert len(pair.wire.sent) == 1


def test_where_the_platform_is_away_the_user_is_told_and_nothing_is_lost(pair: Pair, client: Client) -> None:
    request_id = pair.asked_of_us()
    pair.wire.down = True
    answer = pair.post(client, f"/alerts/{ALERT}/request", **ASK)
    assert (answer.status_code, "Nobody was asked" in answer.text) == (503, True)
    answer = pair.post(client, f"/requests/{request_id}/refuse", reason="not_needed")
    assert (answer.status_code, "sent by itself" in answer.text) == (503, True)
    pair.wire.down = False
    pair.side.beat()
    assert len(pair.wire.sent) >= 1
    assert "Refused" in client.get(f"/requests/{request_id}").text


@pytest.mark.parametrize(
    "path", [f"/alerts/{ALERT}/request", "/requests/" + "0" * 32 + "/answer", "/requests/" + "0" * 32 + "/refuse"]
)
def test_a_form_of_another_session_does_nothing(pair: Pair, client: Client, path: str) -> None:
    pair.asked_of_us()
    assert client.post(path, data={**ASK, "csrf": "x", "reason": "call_us"}).status_code == 403
    assert not pair.wire.sent


@pytest.mark.parametrize(
    "path", ["/requests/x", "/requests/" + "F" * 32, "/requests/..%2f" + "0" * 30, "/requests/" + "0" * 33]
)
def test_what_is_no_id_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_desk_without_an_exchange_has_no_such_pages(make: Callable[..., Made]) -> None:
    made = make()
    made.arrives(alert())
    with Client(made) as client:
        sign_in(client)
        assert client.get("/requests").status_code == 404
        page = client.get(f"/alerts/{ALERT}").text
        assert "/requests" not in page and "Ask them here" not in page


def test_where_our_own_record_is_known_the_others_are_asked_for_more(pair: Pair, client: Client) -> None:
    pair.made.arrives(alert("b2" * 16, records=[CAT], known_to=["council", "police", "schools"]))
    page = client.get("/alerts/" + "b2" * 16).text
    assert "who this is" not in page.lower().replace("who this is</option>", "")
    assert 'value="record"' in page
    assert 'name="agency" value="schools"' not in page, "its keys are not known here"


def test_an_answer_is_read_as_far_as_the_readers_own_protocols_reach(pair: Pair, client: Client) -> None:
    """With a basis that opens the record and proof of who one is; until then it says what is missing."""
    with Client(pair.made) as ari:
        sign_in(ari, "ari")
        where = pair.asks(ari, kind="record", purpose="protect")
        deliver(pair.wire, pair.side, pair.police)
        pair.police.holder.answer(where.rsplit("/", 1)[1], "p-1", "", "")
        deliver(pair.wire, pair.side, pair.police)
        page = ari.get(where).text
        assert "not open to you yet" in page
        assert "It opens when consent is given" in page
        assert "neighbour heard shouting" not in page
        assert not pair.audit("read_answer")
        body = {"state": "given", "purpose": "safeguarding", "agencies": ["police"], "given_by": "mother",
                "method": "by word", "until_at": NOW + 9_000_000}  # fmt: skip
        about = bases.keys((), alert()["household"])
        pair.made.desk.records.append("consent", about, "u-ari", bases.plain(bases.consent(body, NOW)))
        page = ari.get(where).text
        assert "neighbour heard shouting" not in page
        assert "It opens when you confirm who you are" in page
        form = token(ari.get("/step-up").text)
        ari.post("/step-up", data={"csrf": form, "password": PASSWORD, "next": where})
        assert "neighbour heard shouting" in ari.get(where).text
        assert len(pair.audit("read_answer")) == 1
