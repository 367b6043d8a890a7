"""A change of rules by two persons: what is signed, by whom, after seeing what, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.desk.accounts import Account
from bridge.desk.audit import entries, verify
from bridge.desk.oversight import controls_body as bodies
from bridge.desk.oversight.controls_keys import ApproverKeys
from bridge.keyfiles import KeyFault
from schemas import crypto
from schemas.control import statement
from schemas.preview import digest
from tests.unit.bridge.desk.support import (
    _HASH,
    APPROVERS,
    HOUR_MS,
    NOW,
    PASSWORD,
    Client,
    Made,
    control,
    sign_in,
    token,
)

TEAMS = [{"name": "mash", "agency": "council"}, {"name": "duty-east", "agency": "council", "respond_hours": 8}]
RULES = {"front_door": "mash", "teams": TEAMS, "clear_ratio": 0.6, "holidays": ["2025-12-25"],
         "holidays_until": "2035-12-31"}  # fmt: skip
BODY = json.dumps(RULES)
WHY = "Too many alerts come too late to be read."
FORM = {
    "budget_per_1000_month": "2", "raise_at": "0", "clear_ratio": "0.6", "clear_dwell_days": "14",
    "step_down_ratio": "0.3", "step_down_dwell_days": "28", "respond_hours:mash": "4", "respond_hours:duty-east": "8",
    "day": "2025-12-01", "time": "00:00", "reason": WHY,
}  # fmt: skip
DECEMBER_MS = 1_764_547_200_000  # 1 December 2025, 00:00 in London, which is UTC then


def account(login: str, roles: tuple[str, ...] = ("governance",), teams: tuple[str, ...] = ()) -> Account:
    return Account(f"u-{login}", login, f"{login.title()} Signer", _HASH, teams, roles, ())


def rules(version: int = 3, body: str | None = BODY, **fields: Any) -> dict[str, Any]:
    """The row of the rules: one version in force, its body, nothing else."""
    return control("rules", in_force={"version": version, "effective_at": NOW - HOUR_MS}, body=body,
                   **{"waiting": [], "refused": [], **fields})  # fmt: skip


@pytest.fixture
def made(make: Callable[..., Made]) -> Made:
    made = make({"ann": 4}, more=[account("gale"), account("cal"), account("sam"), account("keyless"),
                          account("lead", ("supervisor",), ("mash",))])  # fmt: skip
    made.arrives(rules())
    return made


def as_user(made: Made, login: str, stepped: bool = True) -> Client:
    client = Client(made)
    sign_in(client, login)
    if stepped:
        form = token(client.get("/step-up").text)
        assert client.post("/step-up", data={"csrf": form, "password": PASSWORD, "next": "/"}).status_code == 303
    return client


def post(client: Client, path: str, **fields: str) -> Any:
    return client.post(path, data={"csrf": token(client.get("/controls").text), **fields})


def draft(client: Client, **fields: str) -> str:
    """Draft a change; the path of its page."""
    answer = post(client, "/controls/change", **{**FORM, "raise_at": "0.5", **fields})
    assert answer.status_code == 303, text(answer)
    return str(answer.headers["location"])


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def compared(**rows: tuple[float, float]) -> str:
    """What a comparison says, as JSON."""
    said = {"alerts": (40, 51), "alerts_a_week": (1.0, 12.0), "known": (30, 38), "true": (9, 12), **rows}
    return json.dumps({
        "start_at": NOW - 364 * 24 * HOUR_MS, "until_at": NOW, "weeks": 52, "asked_weeks": 52, "weights": "then",
        "horizon_days": 180, "grace_days": 70, "children": 4_210, "outcomes": 61, "only_today": 3, "only_changed": 7,
        "sent": 38, "answered": 30, "answered_outcomes": 8, "assumes": ["Links are those of today."],
        "models": [["1/a", "2/b"], ["1/a", "2/b"]], "changes": [["raise_at", "0", "0.5"]],
        "rows": [[name, *pair] for name, pair in said.items()],
        "groups": [{"group": "A", "children": 2_000, "outcomes": None, "alerts": [20, 25], "known": [15, 20],
                    "true": [5, None], "caught": [0, 10]}],
    })  # fmt: skip


def answers(
    made: Made, path: str, outcome: str = "compared", body: str = "", reason: str = "", **fields: Any
) -> None:
    """The platform says what a draft would have changed."""
    draft_id = path.rpartition("/")[2]
    asked = next((one for one in made.governor.drafts if one["draft_id"] == draft_id), None)
    made.arrives({
        "draft_id": draft_id, "partnership": "northmere", "outcome": outcome, "reason": reason,
        "digest": digest(asked["body"] if asked else ""), "as_of_at": NOW - HOUR_MS,
        "body": (body or compared()) if outcome == "compared" else None, **fields,
    })  # fmt: skip


def test_two_persons_change_a_rule_and_the_platform_gets_what_both_saw(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        asked = made.governor.drafts[0]
        assert (asked["draft_id"], asked["base_version"], asked["effective_at"]) == (path[17:], 3, DECEMBER_MS)
        assert json.loads(asked["body"]) == {**RULES, "raise_at": 0.5}
        assert "You have signed it" in text(gale.get(path))
        answers(made, path)
        page = text(cal.get(path))
        for said in ("Line that raises 0 (left out) 0.5", "11 more alerts a week, 3 more true over the whole time.",
                     "1 December 2025, 00:00, London time", WHY, "Gale Signer, as head-of-governance",
                     "A 2,000 not shown 20 → 25", "Links are those of today."):  # fmt: skip
            assert said in page, said
        assert made.governor.controls == [], "nothing is sent with one signature"
        assert post(cal, f"{path}/sign").status_code == 303
        (sent,) = made.governor.controls
        said = statement("northmere", "rules", 4, DECEMBER_MS, asked["body"])
        assert {one["approver"] for one in sent["approvals"]} == set(APPROVERS)
        for one in sent["approvals"]:
            assert crypto.verify(APPROVERS[one["approver"]][1], said, one["signature"])
        assert (sent["name"], sent["version"], sent["body"]) == ("rules", 4, asked["body"])
        assert "the platform has not answered yet" in text(cal.get(path))
        made.arrives(rules(waiting=[{"version": 4, "effective_at": DECEMBER_MS}]))
        assert "Comes into force Mon 1 Dec, 00:00" in text(cal.get("/controls"))
        made.arrives(rules(4, asked["body"]))
        assert "In force since today" in text(cal.get(path))
    actions = [(one["user"], one["action"]) for one in entries(made.config.audit)]
    steps = [
        pair for pair in actions if pair[1] in {"control_draft", "control_whatif", "control_sign", "control_send"}
    ]
    assert steps == [("u-gale", "control_draft"), ("u-gale", "control_whatif"), ("u-cal", "control_sign"),
                     ("u-cal", "control_send")]  # fmt: skip
    assert verify(made.config.audit) is None


def test_every_page_that_a_user_without_a_team_is_shown_opens(made: Made) -> None:
    with as_user(made, "gale") as gale:
        page = gale.get("/controls").text
        shown = re.findall(r'class="desk-nav__link" href="([^"]+)"', page)
        assert "/governance" in shown and not [path for path in shown if path.startswith("/inbox")]
        assert {path: gale.get(path).status_code for path in shown} == dict.fromkeys(shown, 200)


@pytest.mark.parametrize("login", ["lead", "keyless"])
def test_without_the_role_or_a_key_the_pages_do_not_exist_and_nothing_is_offered(made: Made, login: str) -> None:
    with as_user(made, "gale") as gale, as_user(made, login) as other:
        path = draft(gale)
        nowhere = other.get("/controls/nowhere")
        for asked in ("/controls/change", path, f"{path}/change", f"{path}/whatif", "/controls/drafts/" + "0" * 16):
            answer = other.get(asked)
            assert (answer.status_code, answer.text) == (404, nowhere.text), asked
        for asked in ("/controls/change", f"{path}/change", f"{path}/sign", f"{path}/send", f"{path}/withdraw",
                      f"{path}/whatif"):  # fmt: skip
            assert post(other, asked, **FORM).status_code == 404, asked
        page = text(other.get("/controls"))
        assert "Nothing can be changed here" in page
        assert "Change of the rules" not in page and "Changes of the rules" not in page
    assert made.governor.controls == []


def test_a_desk_without_governance_changes_nothing(made: Made) -> None:
    made.desk = dataclasses.replace(made.desk, governance=None)
    with as_user(made, "gale") as gale:
        assert gale.get("/controls/change").status_code == 404
        assert post(gale, "/controls/change", **FORM).status_code == 404
        assert "Nothing can be changed here" in text(gale.get("/controls"))


def test_the_own_draft_is_not_signed_twice_nor_with_one_key_from_two_accounts(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "sam") as sam:
        path = draft(gale)
        answers(made, path)
        for client in (gale, sam):
            answer = post(client, f"{path}/sign")
            assert answer.status_code == 400
            assert "Somebody else has to sign" in text(answer)
        page = text(gale.get(path))
    assert made.governor.controls == []
    assert "Waits for a second signature" in page


def test_a_key_is_used_only_after_proving_again_who_one_is(made: Made) -> None:
    with as_user(made, "gale", stepped=False) as gale, as_user(made, "cal", stepped=False) as cal:
        answer = gale.get("/controls/change")
        assert (answer.status_code, answer.headers["location"]) == (303, "/step-up?next=/controls/change")
        answer = post(gale, "/controls/change", **{**FORM, "raise_at": "0.5"})
        assert answer.status_code == 400
        assert 'value="0.5"' in answer.text and WHY in answer.text, "what was typed is kept"
        assert made.desk.records.of("control_draft") == []
        with as_user(made, "gale") as stepped:
            path = draft(stepped)
        answers(made, path)
        answer = post(cal, f"{path}/sign")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/step-up?next={path}")
    assert made.governor.controls == []
    assert made.desk.records.of("control_signed") == []


def test_an_altered_draft_is_another_and_the_one_before_can_no_longer_be_signed(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        first = draft(gale)
        answers(made, first)
        form = gale.get(f"{first}/change").text
        assert re.search(r'name="raise_at"[^>]* value="0.5"', form)
        answer = post(gale, f"{first}/change", **{**FORM, "raise_at": "0.6"})
        second = answer.headers["location"]
        assert second != first
        answer = post(cal, f"{first}/sign")
        assert (answer.status_code, "It was withdrawn" in text(answer)) == (400, True)
        answer = post(cal, f"{second}/sign")
        assert answer.status_code == 400, "what was said of the one before says nothing of this one"
        answers(made, second)
        assert post(cal, f"{second}/sign").status_code == 303
    assert [json.loads(one["body"])["raise_at"] for one in made.governor.controls] == [0.6]


def test_a_kept_draft_whose_text_is_not_what_was_signed_is_never_sent(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        (kept,) = made.desk.records.of("control_draft")
        other = json.dumps({**RULES, "raise_at": 0.9}, sort_keys=True)
        forged = made.desk.records.append("control_draft", kept.about, kept.user, {**kept.body, "body": other})
        path = f"/controls/drafts/{forged.id}"
        answers(made, path, digest=digest(other))
        answer = post(cal, f"{path}/sign")
        assert answer.status_code == 400
        assert "signatures of two approvers" in text(answer)
    assert made.governor.controls == []


@pytest.mark.parametrize("changed", [
    rules(4), rules(waiting=[{"version": 4, "effective_at": NOW + HOUR_MS}]),
])  # fmt: skip
def test_a_draft_is_not_signed_once_the_rules_have_changed_beneath_it(made: Made, changed: dict[str, Any]) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        answers(made, path)
        made.arrives(changed)
        answer = post(cal, f"{path}/sign")
        assert answer.status_code == 400
        assert "The rules have changed since it was drafted" in text(answer)
        path = draft(gale)
        assert made.governor.drafts[-1]["base_version"] in {3, 4}
        assert "Version 5" in text(cal.get(path)) or "Version 5," in text(cal.get(path))
    assert made.governor.controls == []


def test_without_a_comparison_one_signs_with_open_eyes_and_what_would_be_refused_not_at_all(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        assert cal.get(f"{path}/whatif").status_code == 204, "nothing yet: an open page is left as it is"
        assert post(cal, f"{path}/sign").status_code == 400
        answers(made, path, "refused", reason="team owls is not in the register")
        page = cal.get(f"{path}/whatif")
        assert "team owls is not in the register" in text(page)
        assert "/sign" not in page.text
        assert post(cal, f"{path}/sign", without="yes").status_code == 400
        answers(made, path, "not_possible", reason="expected at least 17 weeks of history, found 9")
        assert post(cal, f"{path}/sign").status_code == 400
        assert made.governor.controls == []
        assert post(cal, f"{path}/sign", without="yes").status_code == 303
    assert len(made.governor.controls) == 1


@pytest.mark.parametrize("fields", [{"digest": digest("other")}, {"partnership": "elsewhere"}])
def test_what_was_said_of_another_body_or_partnership_is_not_shown(made: Made, fields: dict[str, Any]) -> None:
    with as_user(made, "gale") as gale:
        path = draft(gale)
        answers(made, path, **fields)
        assert gale.get(f"{path}/whatif").status_code == 204


def test_what_did_not_arrive_is_said_and_sent_again(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        answers(made, path)
        made.governor.fails = True
        answer = post(cal, f"{path}/sign")
        assert (answer.status_code, "It was not sent" in text(answer)) == (503, True)
        assert "Signed by two, not sent yet" in text(cal.get(path))
        assert post(gale, f"{path}/change", **{**FORM, "raise_at": "0.6"}).status_code == 400
        made.governor.fails = False
        assert post(gale, f"{path}/send").status_code == 303
        assert post(gale, f"{path}/send").status_code == 303
        assert post(gale, f"{path}/withdraw").status_code == 303
        assert "the platform has not answered yet" in text(gale.get(path))
    assert len(made.governor.controls) == 1


def test_a_draft_with_one_signature_or_none_of_them_sent_is_withdrawn(made: Made) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        assert post(cal, f"{path}/send").status_code == 400
        assert post(cal, f"{path}/withdraw").status_code == 303
        assert "Withdrawn" in text(gale.get("/controls"))
        assert post(cal, f"{path}/send").status_code == 303
        assert post(cal, f"{path}/sign", without="yes").status_code == 400
    assert made.governor.controls == []


def test_a_refusal_by_the_platform_is_shown_and_an_older_one_of_that_version_is_not(made: Made) -> None:
    old = {"version": 4, "at": NOW - 2 * HOUR_MS, "reason": "an older try"}
    made.arrives(rules(refused=[old]))
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        answers(made, path)
        post(cal, f"{path}/sign")
        assert "an older try" not in text(cal.get(path))
        made.arrives(rules(refused=[old, {"version": 4, "at": NOW, "reason": "team owls is not in the register"}]))
        assert "Refused today 16:00: team owls is not in the register" in text(cal.get(path))


def test_the_platform_is_asked_again_so_often_and_the_page_says_when_it_is_not_reached(made: Made) -> None:
    with as_user(made, "gale") as gale:
        made.governor.fails = True
        path = draft(gale)
        assert made.governor.drafts == [], "a draft stands where the platform is not reached"
        assert post(gale, f"{path}/whatif").status_code == 503
        made.governor.fails = False
        found = [post(gale, f"{path}/whatif").status_code for _ in range(13)]
    assert found == [303] * 11 + [429] * 2
    assert len(made.governor.drafts) == 11


@pytest.mark.parametrize(("fields", "why"), [
    ({"raise_at": "0.001"}, "raise_at must be 0 or from .005 to .9"),
    ({"step_down_ratio": "0.59"}, "step_down_ratio must be from .01 to .9 clear_ratio"),
    ({"raise_at": "nan"}, "Line that raises: expected a number"),
    ({"raise_at": "high"}, "Line that raises: expected a number"),
    ({"clear_dwell_days": "1.5"}, "Days before a clear: expected a whole number"),
    ({"respond_hours:mash": "0"}, "mash: respond_hours must be from 1 to 400"),
    ({"reason": "so"}, "Why: expected a sentence"),
    ({"day": "soon"}, "From: expected a date and a time"),
    ({"day": "2027-01-01"}, "From: expected a date within 366 days"),
    ({"raise_at": "0"}, "Nothing is changed"),
])  # fmt: skip
def test_what_cannot_be_drafted_is_said_and_what_was_typed_is_kept(
    made: Made, fields: dict[str, str], why: str
) -> None:
    with as_user(made, "gale") as gale:
        sent = {**FORM, "raise_at": "0.5", **fields}
        answer = post(gale, "/controls/change", **sent)
    assert answer.status_code == 400
    assert why in text(answer)
    assert all(f'value="{value}"' in answer.text for name, value in sent.items() if name != "reason")
    assert made.desk.records.of("control_draft") == []


def test_an_expert_writes_the_rules_as_text(made: Made) -> None:
    changed = {**RULES, "publish_days": 14, "teams": [TEAMS[0]]}
    sent = {"text": json.dumps(changed, indent=2), **{name: FORM[name] for name in ("day", "time", "reason")}}
    with as_user(made, "gale") as gale:
        answer = post(gale, "/controls/change", **sent)
        page = text(gale.get(answer.headers["location"]))
        assert "publish_days not set 14" in page
        assert "Team duty-east in the rules no team" in page
        for bad, why in (("[1]", "expected an object"), ("{", "expected JSON"), ('{"teams": [], "raise_at": NaN}', "expected JSON"),
                         (json.dumps({**RULES, "raise_at": "0.5"}), "raise_at: expected a number"),
                         (json.dumps({**RULES, "raise_at": 3}), "raise_at must be 0 or from .005 to .9")):  # fmt: skip
            answer = post(gale, "/controls/change", **{**sent, "text": bad})
            assert answer.status_code == 400
            assert why in text(answer), bad
    assert json.loads(made.governor.drafts[0]["body"]) == changed


@pytest.mark.parametrize("row", [None, rules(body=None), control("rules", in_force=None, waiting=[], refused=[])])
def test_there_is_no_form_where_the_rules_in_force_are_not_known(
    make: Callable[..., Made], row: dict[str, Any] | None
) -> None:
    made = make({"ann": 4}, more=[account("gale")])
    if row is not None:
        made.arrives(row)
    with as_user(made, "gale") as gale:
        page = gale.get("/controls/change")
        assert "sightline control" in page.text
        assert 'name="reason"' not in page.text
        assert post(gale, "/controls/change", **FORM).status_code == 400


def test_neither_the_reason_nor_a_key_is_in_the_audit_the_log_or_the_kept_file(
    made: Made, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with as_user(made, "gale") as gale, as_user(made, "cal") as cal:
        path = draft(gale)
        answers(made, path)
        post(cal, f"{path}/sign")
        pages = gale.get(path).text + gale.get("/controls").text
    keys = [private.hex() for private, _ in APPROVERS.values()]
    written = made.config.audit.read_text() + caplog.text + pages
    assert not [key for key in keys if key in written]
    assert WHY not in made.config.audit.read_text() + caplog.text
    assert WHY in pages


def keyfile(folder: Path, private: bytes, mode: int = 0o600) -> Path:
    file = folder / "one.private"
    file.write_text(private.hex() + "\n")
    file.chmod(mode)
    return file


def test_a_key_that_others_can_read_or_that_is_no_approvers_stops_the_desk_at_its_start(tmp_path: Path) -> None:
    known = {name: public.hex() for name, (_, public) in APPROVERS.items()}
    private = APPROVERS["caldicott-guardian"][0]
    ApproverKeys({"u-1": keyfile(tmp_path, private)}, known)
    with pytest.raises(KeyFault, match="readable by others"):
        ApproverKeys({"u-1": keyfile(tmp_path, private, 0o640)}, known)
    with pytest.raises(KeyFault, match="one of the approvers"):
        ApproverKeys({"u-1": keyfile(tmp_path, crypto.sign_keypair()[0])}, known)
    with pytest.raises(KeyFault, match="one key"):
        ApproverKeys({}, {**known, "another": next(iter(known.values()))})
    with pytest.raises(KeyFault, match="cannot be read"):
        ApproverKeys({"u-1": tmp_path / "nowhere.private"}, known)


def test_what_a_form_leaves_as_it_holds_stays_as_it_is_written() -> None:
    exact = json.dumps({**RULES, "raise_at": 0.123456789012})
    form = bodies.as_texts(bodies.chosen(exact))
    with pytest.raises(bodies.Bad, match="Nothing is changed"):
        bodies.with_numbers(exact, form)
    new = bodies.with_numbers(exact, {**form, "clear_dwell_days": "21"})
    assert json.loads(new) == {**json.loads(exact), "clear_dwell_days": 21}
    assert [one.field for one in bodies.differences(exact, new)] == ["Days before a clear"]


def test_the_differences_shown_are_all_there_are() -> None:
    """Each single alteration of any field of the rules or of a team shows."""
    rules_ = json.loads(BODY)
    altered = [
        {**rules_, "raise_at": 0.2}, {**rules_, "also": [{"outcome": "early_help"}]}, {**rules_, "holidays": []},
        {**rules_, "holidays": ["2025-12-25", "2025-12-25"]}, {**rules_, "holidays_until": "2036-12-31"},
        {**rules_, "teams": TEAMS[::-1]}, {**rules_, "teams": [*TEAMS, {"name": "new", "agency": "police"}]},
        {**rules_, "teams": [{**TEAMS[0], "always": True}, TEAMS[1]]},
        {**rules_, "teams": [TEAMS[0], {**TEAMS[1], "respond_hours": 4}]}, {**rules_, "front_door": "duty-east"},
        {name: value for name, value in rules_.items() if name != "clear_ratio"}, {**rules_, "unheard_of": None},
        {**rules_, "teams": [{**TEAMS[0], "always": False}, TEAMS[1]]},
    ]  # fmt: skip
    for one in altered:
        assert len(bodies.differences(BODY, json.dumps(one))) == 1, one
    same = {**rules_, "raise_at": 0, "clear_dwell_days": 14.0}
    assert bodies.differences(BODY, json.dumps(same, sort_keys=True, indent=3)) == ()
    yes, one = (json.dumps({**rules_, "unheard_of": value}) for value in (True, 1))
    assert len(bodies.differences(yes, one)) == 1
