"""Nobody is told a field above their rung: every role, route, rung and basis, print, export, stream and error too.

A role opens pages and no information: that the gate answers all of them alike is asked for every user, rung and state
of basis. Over HTTP each form of each route meets each rung and state of basis, under a role that changes with each;
and each rung under each role, at the page of one child and at those of a whole team. What other protocols do (for one
basis, one agency, one tie, after an assessment, after a proof of who one is) is asked under one role.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from starlette.exceptions import HTTPException

from bridge.desk import app as application
from bridge.desk.access.gate import Subject, reaches
from bridge.desk.accounts import ROLES, Account
from bridge.desk.desk import User
from bridge.desk.limits import Limits
from bridge.desk.sessions import Session
from tests.unit.bridge.desk import matrix, matrix_desk
from tests.unit.bridge.desk.matrix import CASES, OWN, POLICE, PROTOCOLS, SCHOOLS, TIES, Case, Mark, Who
from tests.unit.bridge.desk.support import _HASH, NOW, PEOPLE, Made
from tests.unit.bridge.desk.surface import ANYBODY, CHOICES, Answer, Call, Wire, calls

MARKS = [(case, tuple(matrix.marks(case))) for case in CASES]
EVERYBODY = tuple(
    Who(f"{role.replace('_', '-')}-{rung}", role, (f"based-{rung}",)) for role in ROLES for rung in range(5)
)
OTHERS = (
    *(Who(f"free-{rung}", "social_worker", (f"free-{rung}",), sure=False) for rung in range(5)),
    *(Who(f"with-{basis}", "nurse", (f"with-{basis}",)) for basis in matrix.ALL_BASES),
    Who("mixed", "police_officer", ("own-4", "police-3", "schools-1")),
    Who("assessing", "social_worker", ("own-4", "schools-1", "assessing")),
    Who("sure", "supervisor", ("sure-4",)), Who("unsure", "duty_worker", ("sure-4",), sure=False),
)  # fmt: skip
TIED = tuple(Who(f"tied-{tie}", "analyst", (f"tied-{tie}",), sure=False, looks_up=tie == "lookup") for tie in TIES)
STRANGERS = tuple(Who(f"stranger-{role.replace('_', '-')}", role, (), sure=False) for role in ROLES)
QUERIES = {
    "/insights/households": ("?level=plan",),
    "/summary/{subject}": ("", "?scope=system&system=carefile"),
    "/summary/{subject}/export": ("", "?scope=agency"),
}
"""What is asked of a route beside its path."""
CUT = (*matrix.ALERT, *matrix.INBOX, *matrix.VIEWS[:3], "/children/{team}", "/presence/{team}", "/suggestions", "/handover/{team}",
       "/basis/{of}/{ident}", "/requests", "/requests/{request_id}", "/insights/households")  # fmt: skip
"""Where information is shown: what the other forms of a summary add is tried with every basis."""
ENDS = ("/sign-out", "/sign-out/everywhere", "/step-up", *ANYBODY)
"""They end or change the session, or need none: tried by the tests of the HTTP surface."""
TOLD = {
    "/governance": ("id", "written", "draft"), "/governance/log": ("id",), "/challenges": ("id", "written"),
    "/report/{record}": ("id", "field"), "/report/{record}/print": ("id", "field"),
}  # fmt: skip
"""What governance, which opens no information by itself, is told where it answers for it: pseudonyms, what people
wrote, and to the person a report is about what own systems sent of them, never by name."""
SHARED = {POLICE: "northmere police", SCHOOLS: "northmere schools"}


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def take(*_: object) -> None:
        pass

    monkeypatch.setattr(Limits, "take", take)
    before = dict(PEOPLE)
    yield
    PEOPLE.clear()
    PEOPLE.update(before)


class Desk:
    """One desk with all cases, and its users."""

    def __init__(self, make: Callable[..., Made], users: tuple[Who, ...], team: str = "mash") -> None:
        accounts = [Account(f"u-{who.login}", who.login, who.login, _HASH, (team,), (who.role,), who.protocols)
                    for who in users]  # fmt: skip
        self.made = make({"kit": 4}, more=accounts, protocols=[*PROTOCOLS.values()])
        self.made.join()
        lookers = tuple(f"u-{who.login}" for who in users if who.looks_up)
        everybody = tuple(account.user for account in accounts)
        self.values = {case.number: matrix_desk.bring(self.made, case, everybody, lookers) for case in CASES}
        self.app = self.made.app()
        self.streams = [call for call in calls(self.app, self.values[1]) if call.route.endswith("/stream")]

    def calls(self, case: Case) -> list[Call]:
        """Everything with an object of a case in its address."""
        found = calls(self.app, self.values[case.number])
        return [call for call in found if "{" in call.route and "{team}" not in call.route]

    def of_teams(self) -> list[Call]:
        """Everything else that a signed-in user can ask for."""
        found = calls(self.app, self.values[1])
        of_team = [call for call in found if "{team}" in call.route or "{" not in call.route]
        return [call for call in of_team if call.route not in ENDS and call not in self.streams]

    def as_(self, who: Who) -> Wire:
        """A browser of a user, signed in."""
        wire = Wire(self.made)
        wire.app = self.app
        run, sessions = self.made.runner.run, self.made.desk.sessions
        cookie = run(sessions.begin(f"u-{who.login}"))
        if who.sure:
            session, key = run(sessions.find(cookie, False)), sessions.key(cookie)
            assert session is not None
            assert key is not None
            cookie = run(sessions.step_up(session, key))
        wire.cookies["sightline_session"] = cookie
        return wire


def said(answer: Answer) -> str:
    """All of an answer, as marks are spelled."""
    text = answer.body.decode() + "\n".join(f"\n{name}: {value}" for name, value in answer.headers)
    return html.unescape(text).lower().replace("_", " ")


def kind_of(call: Call, case: Case | None) -> str:
    """A route as `Mark.on` has it: of a request, whose it is."""
    if call.route != "/requests/{request_id}" or case is None:
        return call.route
    return f"/requests/{next(name for name in ('theirs', 'ours', 'also') if case.id(name) in call.path)}"


class Checked(NamedTuple):
    """What was found wrong, and how often each mark was seen and each status answered."""

    wrong: list[str]
    seen: Counter[str]
    statuses: Counter[int]

    def check(self, who: Who, call: Call, answer: Answer, case: Case | None, query: str = "") -> None:
        """Nothing in an answer is above the rung, and what is for the user is there."""
        text, route = said(answer), kind_of(call, case)
        self.statuses[answer.status] += 1
        where = f"{who.login} {answer.status} {call}{query}"
        exempt = TOLD.get(call.route, ()) if who.role == "governance" else ()
        for one, marks in MARKS:
            tag = one.tag  # most marks begin so
            here = tag in text
            for mark in marks:
                there = (here or not mark.text.startswith(tag)) and mark.text in text
                if there and not self._fits(mark, who, one, call, exempt):
                    self.wrong.append(f"{where}: {mark.text} of {one.name} is above the rung")
                wanted = answer.status == 200 and not query and (case is None or one is case) and route in mark.on
                if wanted and not there and mark.sure(who, one) and call.method == "GET":
                    self.wrong.append(f"{where}: {mark.text} of {one.name} is missing")
                self.seen[mark.text] += there
        if case is not None and not exempt:
            for agency, name in SHARED.items():
                if name in text and not matrix.names_agency(who, case, agency):
                    self.wrong.append(f"{where}: {name} is named for {case.name}")

    @staticmethod
    def _fits(mark: Mark, who: Who, case: Case, call: Call, exempt: tuple[str, ...]) -> bool:
        own_address = mark.sort == "id" and mark.text in call.path  # the user has it already
        return own_address or mark.sort in exempt or mark.allowed(who, case)


@pytest.fixture
def checked() -> Iterator[Checked]:
    found = Checked([], Counter(), Counter())
    yield found
    assert not found.wrong, "\n".join([f"{len(found.wrong)} wrong:", *found.wrong[:40]])


def ask(wire: Wire, call: Call, csrf: str, query: str = "") -> Answer:
    """As a user would, with a form that is not filled in: its answer is the page with what is wrong."""
    return wire.post(call.path, {"csrf": csrf}) if call.method == "POST" else wire.get(call.path + query)


def tried(desk: Desk, checked: Checked, who: Who, some: list[tuple[Case | None, Call]]) -> None:
    wire = desk.as_(who)
    csrf = wire.csrf()
    for case, call in some:
        for query in QUERIES.get(call.route, ("",)):
            checked.check(who, call, ask(wire, call, csrf, query), case, query)


def test_the_gate_answers_every_role_alike_and_as_the_rules_say(make: Callable[..., Made]) -> None:
    desk = Desk(make, ())
    asked = 0
    users = (*EVERYBODY, *OTHERS, *(one._replace(role=role) for one in TIED for role in ROLES))
    for who in (one._replace(looks_up=False) for one in users):
        account = Account(f"u-{who.login}", who.login, "", "", ("mash",), (who.role,), who.protocols)
        user = User(Session(account.user, "", NOW, stepped_up_at=NOW if who.sure else 0), account)
        subjects = [Subject((case.record,), (OWN, POLICE, SCHOOLS), case.home, alert=True) for case in CASES]
        found = desk.made.runner.run(reaches(desk.made.desk, user, subjects))
        for case, reach in zip(CASES, found, strict=True):
            if not case.glass and not case.lifted:  # they are a user's own
                rungs = {agency: rung for agency, rung in matrix.may(who, case, "alert").rungs.items() if rung >= 0}
                assert dict(reach.rungs) == rungs, (who, case.name)
                asked += 1
    assert asked > 1000


@pytest.mark.parametrize("rung", range(5))
def test_no_page_of_a_child_shows_more_than_the_rung_on_any_basis(
    make: Callable[..., Made], checked: Checked, rung: int
) -> None:
    users = tuple(who for who in EVERYBODY if who.protocols == (f"based-{rung}",))
    desk = Desk(make, users)
    some: dict[Who, list[tuple[Case | None, Call]]] = {who: [] for who in users}
    for place, case in enumerate(CASES):
        for number, call in enumerate(desk.calls(case)):
            if call.method == "POST" and (place + number + rung) % 4:
                continue  # the page with what is wrong is made by the function that makes the page itself
            roles = [users[(place + number + rung) % len(users)]]
            if call.route in matrix.OF_ROLES:
                roles = [who for who in users if who.role in ("governance", "supervisor")]
            for who in roles:
                some[who].append((case, call))
    for who, those in some.items():
        tried(desk, checked, who, those)
    assert {200, 303, 400, 404} <= {*checked.statuses}
    wanted = [mark for case, marks in MARKS for mark in marks if mark.sure(users[0], case)]
    assert not [
        mark.text for mark in wanted if {*mark.on} & {*matrix.VIEWS, *matrix.ALERT} and not checked.seen[mark.text]
    ]


def test_every_role_at_every_rung_sees_no_more_on_pages_of_a_team_and_of_a_child(
    make: Callable[..., Made], checked: Checked
) -> None:
    desk = Desk(make, EVERYBODY)
    for number, who in enumerate(EVERYBODY):
        case = CASES[number % len(CASES)]
        pages = [(None, call) for call in desk.of_teams()]
        tried(desk, checked, who, [*pages, *((case, call) for call in desk.calls(case) if call.method == "GET")])
    assert all(checked.seen[mark.text] for case, marks in MARKS for mark in marks if "/inbox/{team}" in mark.on
               and mark.allowed(EVERYBODY[4], case))  # fmt: skip


def test_protocols_for_one_basis_agency_or_step_open_no_more(make: Callable[..., Made], checked: Checked) -> None:
    desk = Desk(make, OTHERS)
    for number, who in enumerate(OTHERS):
        cases = [case for case in CASES if case.number % 6 == number % 6 or case.name == "assessed"]
        some = (
            [(None, call) for call in desk.of_teams()],
            *([(case, call) for call in desk.calls(case)] for case in cases),
        )
        tried(desk, checked, who, [one for each in some for one in each if one[1].route in CUT])


def test_what_a_tie_opens_is_open_on_the_pages_of_that_tie_alone(make: Callable[..., Made], checked: Checked) -> None:
    desk, case = Desk(make, TIED), next(case for case in CASES if not case.allocated)
    for who in TIED:
        for one in CASES if who.looks_up else ():
            assert desk.as_(who).get(f"/look-up/{one.id('lookup')}").status == 200
        pages = [(None, call) for call in desk.of_teams() if call.method == "GET"]
        tried(desk, checked, who, [*pages, *((case, call) for call in desk.calls(case) if call.method == "GET")])


def test_a_stream_tells_that_something_changed_and_nothing_else(make: Callable[..., Made]) -> None:
    desk = Desk(make, EVERYBODY)
    for who in (EVERYBODY[0], EVERYBODY[-1]):
        wire = desk.as_(who)
        wire.hears = True
        for call in desk.streams:
            answer = wire.get(call.path + "?after=0-1")
            assert re.fullmatch(rb"id: [0-9]+-[0-9]+\r\nevent: changed\r\ndata: changed\r\n\r\n", answer.body), (
                answer.body
            )


@pytest.mark.parametrize("fault", ["platform", "audit", "store", "names"])
def test_no_error_shows_more_than_the_rung(
    make: Callable[..., Made], checked: Checked, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    desk = Desk(make, EVERYBODY[:5])
    wires = {who: desk.as_(who) for who in EVERYBODY[1:5:3]}
    tokens = {who: wire.csrf() for who, wire in wires.items()}
    matrix_desk.breaks(desk.made, fault, monkeypatch)
    case = CASES[10]
    for who, wire in wires.items():
        csrf = tokens[who]
        for call in desk.calls(case):
            answer = (
                wire.post(call.path, {"csrf": csrf, **matrix.FILLED})
                if call.method == "POST"
                else wire.get(call.path)
            )
            checked.check(who, call._replace(method="POST"), answer, case)
    assert any(status >= 500 for status in checked.statuses)


def plain(answer: Answer, token: str) -> tuple[Any, ...]:
    """An answer but for the token of its session."""
    return answer.status, sorted(answer.headers), answer.body.replace(token.encode(), b"token")


@pytest.mark.parametrize("team", ["mash", "tenancy"])
def test_what_is_not_for_a_user_is_answered_as_what_does_not_exist_by_the_same_path(
    make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch, team: str
) -> None:
    paths: list[tuple[Any, ...]] = []
    refused = application._refused

    def seen(request: Any, error: Exception) -> Any:
        assert isinstance(error, HTTPException)
        paths.append((type(error), error.status_code, error.detail, error.headers))
        return refused(request, error)

    monkeypatch.setattr(application, "_refused", seen)
    desk = Desk(make, tuple(who._replace(protocols=("free-4",) if team != "mash" else ()) for who in STRANGERS), team)
    desk.made.people.asked.clear()
    tried_ = 0
    for who in STRANGERS:
        wire = desk.as_(who)
        csrf = wire.csrf()
        for case in CASES[::10]:
            if case.glass:
                continue
            for call in desk.calls(case):
                if _is_everybodys(call, who):
                    continue
                for fields in ({}, matrix.FILLED) if call.method == "POST" else ({},):
                    answers, ways, lines = [], [], []
                    for path in (call.path, call.missing):
                        paths.clear()
                        before = desk.made.config.audit.stat().st_size if desk.made.config.audit.exists() else 0
                        form = {"csrf": csrf, **fields}
                        answers.append(wire.post(path, form) if call.method == "POST" else wire.get(path))
                        ways.append(tuple(paths))
                        lines.append(
                            desk.made.config.audit.stat().st_size - before if desk.made.config.audit.exists() else 0
                        )
                    assert plain(answers[0], csrf) == plain(answers[1], csrf), (who.login, call)
                    assert ways[0] == ways[1], (who.login, call)
                    assert lines == [0, 0], (who.login, call)
                    assert answers[0].status == 404 or answers[0].header("location") == "/suggestions", (
                        who.login,
                        call,
                    )
                    assert len(ways[0]) == (answers[0].status == 404), (who.login, call)
                    tried_ += 1
    assert tried_ > 150
    assert desk.made.people.asked == []


def _is_everybodys(call: Call, who: Who) -> bool:
    """Of governance's own pages, and those without an object in their address."""
    named = {*re.findall(r"\{(\w+)\}", call.route)} - {*CHOICES}
    roles = call.route.startswith(("/governance", "/report")) and who.role == "governance"
    return not named or call.path == call.missing or roles or "{draft}" in call.route
