"""One desk whose every field can be told from every other, and what of it each user may see, worked out by hand.

A case is a child with a state of basis; every field of what is known of the child is a mark that stands nowhere else.
`rung` says by the rules of the protocols how far a user sees, and asks neither the gate nor the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from bridge.desk.access import bases
from tests.unit.bridge.desk.support import (
    HOUR_MS,
    NOW,
)

OWN, POLICE, SCHOOLS = "council", "police", "schools"
DAY_MS: Final = 24 * HOUR_MS
ALL_BASES: Final = ("consent", "determination", "duty")
TIES: Final = ("alert", "allocated", "lookup", "request", "review")
WRITER: Final = "u-kit"
LASTS, OVER = NOW + 30 * DAY_MS, NOW - DAY_MS


def _protocol(id_: str, rung: int, **fields: Any) -> dict[str, Any]:
    base = {
        "id": id_,
        "title": f"Protocol {id_}",
        "purpose": "safeguarding",
        "legal_basis": "test",
        "agencies": ["*"],
    }
    return {**base, "rung": rung, **fields}


PROTOCOLS: Final = {
    one["id"]: one
    for one in (
        *(_protocol(f"based-{rung}", rung, free_rung=0, bases=list(ALL_BASES)) for rung in range(5)),
        *(_protocol(f"free-{rung}", rung) for rung in range(5)),
        *(_protocol(f"with-{basis}", 3, free_rung=1, bases=[basis]) for basis in ALL_BASES),
        *(_protocol(f"tied-{tie}", 4, relations=[tie]) for tie in TIES),
        _protocol("own-4", 4, agencies=[OWN]),
        _protocol("police-3", 3, agencies=[POLICE]),
        _protocol("schools-1", 1, agencies=[SCHOOLS]),
        _protocol("assessing", 3, agencies=[POLICE], assessment_first=True),
        _protocol("sure-4", 4, step_up_rung=2),
    )
}


class Who(NamedTuple):
    """A user: login, role, protocols, and whether they proved again who they are."""

    login: str
    role: str
    protocols: tuple[str, ...]
    sure: bool = True
    looks_up: bool = True


class Case(NamedTuple):
    """A child and what is recorded of the child.

    Attributes:
        number: Of the case; in all its marks.
        name: Of its state.
        holds: Agency (or `*`) -> bases that hold by that record.
        glass: Every user broke the glass for the child, and it is not over.
    """

    number: int
    name: str
    holds: Mapping[str, tuple[str, ...]] = {}
    glass: bool = False
    restricted: bool = False
    lifted: bool = False
    assessed: bool = False
    allocated: bool = True

    @property
    def tag(self) -> str:
        return f"k{self.number:02d}"

    @property
    def record(self) -> bytes:
        return f"record-{self.tag}".encode()

    @property
    def home(self) -> str:
        return f"f00d{self.number:04x}"

    def id(self, kind: str) -> str:
        """32 hexadecimal digits, others for each kind of object."""
        return f"{kind.encode().hex()[:12]:0<12}{self.number:020x}"


_STATES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("nothing", {}), ("given", {"holds": {"*": ("consent",)}}), ("given for the police", {"holds": {POLICE: ("consent",)}}),
    ("refused", {}), ("sought", {}), ("withdrawn", {}), ("consent over", {}),
    ("determination proposed", {}), ("determination agreed", {"holds": {"*": ("determination",)}}), ("determination over", {}),
    ("duty", {"holds": {"*": ("duty",)}}), ("duty over", {}),
    ("glass", {"glass": True}), ("glass over", {}), ("another's glass", {}),
    ("restricted", {"holds": {"*": ("duty",)}, "restricted": True}), ("lift proposed", {"holds": {"*": ("duty",)}, "restricted": True}),
    ("lifted", {"holds": {"*": ("duty",)}, "restricted": True, "lifted": True}),
    ("assessed", {"holds": {"*": ("duty",)}, "assessed": True}), ("elsewhere", {"holds": {"*": ("duty",)}, "allocated": False}),
)  # fmt: skip
CASES: Final = tuple(Case(number, name, **more) for number, (name, more) in enumerate(_STATES, start=1))


WRITTEN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "given": (bases.CONSENT, {"state": "given", "until_at": LASTS}),
    "given for the police": (bases.CONSENT, {"state": "given", "until_at": LASTS, "agencies": (POLICE,)}),
    "refused": (bases.CONSENT, {"state": "refused", "until_at": LASTS}),
    "sought": (bases.CONSENT, {"state": "sought", "owner": WRITER, "due_at": LASTS, "until_at": LASTS}),
    "withdrawn": (bases.CONSENT, {"state": "withdrawn", "until_at": LASTS}),
    "consent over": (bases.CONSENT, {"state": "given", "until_at": OVER}),
    "determination proposed": ("determination_draft", {"until_at": LASTS, "reviewed_by": "?"}),
    "determination agreed": (bases.DETERMINATION, {"until_at": LASTS, "reviewed_by": "u-tess"}),
    "determination over": (bases.DETERMINATION, {"until_at": OVER, "reviewed_by": "u-tess"}),
    "duty": (bases.DUTY, {"until_at": LASTS}), "duty over": (bases.DUTY, {"until_at": OVER}),
    "restricted": (bases.DUTY, {"until_at": LASTS}), "lifted": (bases.DUTY, {"until_at": LASTS}),
    "assessed": (bases.DUTY, {"until_at": LASTS}), "elsewhere": (bases.DUTY, {"until_at": LASTS}),
    "lift proposed": (bases.DUTY, {"until_at": LASTS}), "another's glass": (bases.GLASS, {"until_at": LASTS}),
}  # fmt: skip
"""What a colleague recorded in each state that rests on a record."""


def rung(who: Who, case: Case, agency: str, ties: frozenset[str]) -> int:
    """How far a user sees one agency's information; -1: not at all."""
    mine = [PROTOCOLS[id_] for id_ in who.protocols]
    about = [one for one in mine if "*" in one["agencies"] or agency in one["agencies"]]
    hold = {*case.holds.get("*", ()), *case.holds.get(agency, ())}
    glass = case.glass and who.sure
    for wished in range(5):
        opened = any(
            wished <= one["rung"] and ties & {*one.get("relations", TIES)}
            and (wished <= one.get("free_rung", 4) or hold & {*one["bases"]})
            and (wished < one.get("step_up_rung", 5) or who.sure)
            for one in about
        )  # fmt: skip
        first = any(one.get("assessment_first") for one in about) and not case.assessed and not case.glass
        barred = wished > 1 and ((case.restricted and not case.lifted) or first)
        if barred or not (opened or (glass and wished <= 3)):
            return wished - 1
    return 4


class May(NamedTuple):
    """How far a user sees whoever a page is about: by agency, own one first."""

    rungs: Mapping[str, int]

    @property
    def joint(self) -> int:
        return min(rung for agency, rung in self.rungs.items() if agency != OWN)

    @property
    def top(self) -> int:
        return max(self.rungs.values())

    def least(self) -> May:
        """Were every agency's information open no further than that which is open least."""
        return May(dict.fromkeys(self.rungs, min(self.rungs.values())))


_KNOWN: Final[dict[tuple[Who, int, str], May]] = {}


def may(who: Who, case: Case, kind: str) -> May:
    """What `_may` says; each is asked very often."""
    key = who, case.number, kind
    if key not in _KNOWN:
        _KNOWN[key] = _may(who, case, kind)
    return _KNOWN[key]


def _may(who: Who, case: Case, kind: str) -> May:
    """How far a user sees a case by one kind of page: by an alert, a suggested link, another agency's request, an
    own record alone, or a look-up.
    """
    ties = {
        "alert": {"alert"},
        "notice": {"alert"},
        "review": {"review"},
        "request": {"request"},
        "lookup": {"lookup"},
    }
    tied = frozenset(ties.get(kind, set()) | ({"allocated"} if case.allocated else set())
                     | ({"lookup"} if who.looks_up and not case.restricted else set()))  # fmt: skip
    holders = {"notice": (OWN, f"{case.tag}-hospital"), "review": (OWN, POLICE), "request": (OWN, POLICE)}
    return May({agency: rung(who, case, agency, tied) for agency in holders.get(kind, (OWN, POLICE, SCHOOLS))})


Needs = Callable[[May], bool]


class Mark(NamedTuple):
    """What stands for one field of one case, as a page says it.

    Attributes:
        text: Lower case, blanks for underscores.
        by: Kinds of pages that may bring it.
        needs: From which reach on.
        on: Routes that must show it then.
        sort: `field`, `id` (says no more than that something exists), `written` (by a person), `draft` (waits for a second one).
    """

    text: str
    by: tuple[str, ...]
    needs: Needs
    on: tuple[str, ...] = ()
    sort: str = "field"

    def allowed(self, who: Who, case: Case) -> bool:
        """Whether a user may be told: a draft too where they may be the second person, who has to know it."""
        second = self.sort == "draft" and who.role in ("supervisor", "governance")
        return any((top if second else self.needs)(may(who, case, kind)) for kind in self.by)

    def sure(self, who: Who, case: Case) -> bool:
        """Whether it must be shown, whatever it is made of."""
        return all(self.needs(may(who, case, kind).least()) for kind in self.by)


INBOX: Final = ("/inbox/{team}", "/inbox/{team}/rows")
ALERT: Final = ("/alerts/{alert_id}",)
SUMMARIES: Final = ("/summary/{subject}", "/summary/{subject}/print", "/summary/{subject}/export")
VIEWS: Final = ("/households/{household}", "/people/{record}", *SUMMARIES)
ANY: Final = ("alert", "notice", "review", "request", "record", "lookup")


OF_ROLES: Final = ("/report/{record}", "/report/{record}/print", "/basis/{of}/{ident}/agree")
FILLED: Final = {
    "decision": "same", "reason": "records", "text": "A text.", "did": "called", "doubt": "factors", "outcome": "none",
    "verdict": "none", "days": "1", "kind": "identity", "purpose": "protect", "basis": "duty", "agency": POLICE,
}  # fmt: skip
"""Fields of forms as somebody who knows them fills them in."""


def own(least: int) -> Needs:
    return lambda one: one.rungs[OWN] >= least


def of(agency: str, least: int) -> Needs:
    return lambda one: one.rungs.get(agency, -1) >= least


def joint(least: int) -> Needs:
    return lambda one: one.joint >= least


def top(one: May) -> bool:
    return one.top >= 0


def told_by(agency: str, least: int) -> Needs:
    """Of another agency's answer: for who may name the own child and sees that agency so far."""
    return lambda one: one.rungs[OWN] >= 4 and one.rungs.get(agency, -1) >= least


def marks(case: Case) -> Iterator[Mark]:
    """All that can be told of a case."""
    tag, n, by = case.tag, case.number, ("alert",)
    yield Mark(case.id("alert"), ANY, top, INBOX, "id")
    yield Mark(case.id("hint"), ANY, top, ("/suggestions",), "id")
    yield Mark(case.home, ANY, top, ALERT, "id")
    yield Mark(case.record.hex(), ANY, top, ("/people/{record}",), "id")
    yield Mark(case.id("theirs"), ("request",), own(4), ("/requests", "/requests/theirs"), "id")
    yield Mark(case.id("ours"), by, told_by(POLICE, 1), ("/requests",), "id")
    yield Mark(f"nothing new for {1000 + 10 * n} days", by, of(POLICE, 1), (*INBOX, *ALERT))
    yield Mark(f"nothing new for {1001 + 10 * n} days", by, of(SCHOOLS, 1), (*INBOX, *ALERT))
    yield Mark(f"nothing new for {5000 + 10 * n} days", by, of(POLICE, 1), VIEWS)
    for agency in (OWN, POLICE, SCHOOLS):
        yield Mark(f"{tag} raised by {agency}", by, of(agency, 2), (*INBOX, *ALERT))
        yield Mark(f"{tag} seen by {agency}", by, of(agency, 2), VIEWS)
    yield Mark(f"{3000 + 10 * n} days ago", by, of(POLICE, 2), VIEWS)
    yield Mark(f"{2000 + 10 * n} days ago", by, joint(3), ALERT)
    yield Mark(f"+{31 + n}.07", by, joint(3), ALERT)
    yield Mark(f"+{61 + n}.07", by, joint(3), VIEWS)
    yield Mark(f"{tag}/alert", by, joint(3), ALERT)
    yield Mark(f"{tag}/house", by, joint(3), VIEWS)
    yield Mark(f"{tag} correction", by, joint(3), (*INBOX, *ALERT))
    yield Mark(f"{(600 + n) / 10} %", by, joint(3), (*INBOX, *ALERT, *VIEWS))
    yield Mark(f"{(500 + n) / 10} %", by, joint(3), (*INBOX, *ALERT))
    yield Mark(f"{(400 + n) / 10} %", by, joint(3), (*INBOX, *ALERT))
    yield Mark(f"{(700 + n) / 10} %", by, joint(3), (*VIEWS, *(("/children/{team}",) if case.allocated else ())))
    yield Mark(f"{(810 + n) / 10} %", by, joint(3), (*ALERT, *VIEWS))
    yield Mark(f"{tag}-joined", by, joint(3), ALERT)
    yield Mark(f"{tag} team", by, own(1), () if case.allocated else VIEWS)
    mine = (*VIEWS, *(("/children/{team}",) if case.allocated else ()))
    yield Mark(f"{tag} status", by, own(2), mine)
    yield Mark(f"{tag} band", by, own(2), VIEWS)
    yield Mark(f"{tag} event", by, own(3), VIEWS if case.assessed else mine)
    yield Mark(f"{tag} own event family", by, own(3), VIEWS)
    yield Mark(f"{tag} text of ours", by, own(4), VIEWS)
    listed = (
        *VIEWS,
        *INBOX,
        *ALERT,
        "/presence/{team}",
        "/suggestions",
        "/requests/{request_id}",
        *mine[len(VIEWS) :],
    )
    yield Mark(f"{tag}given", ANY, own(4), (*listed, *(("/look-up/{lookup_id}",) if not case.restricted else ())))
    yield Mark(f"{tag}-key", ANY, own(4), (*ALERT, *VIEWS, "/suggestions"))
    yield Mark(f"{tag}-hospital", ("notice",), joint(1), ("/presence/{team}", *VIEWS))
    yield Mark(f"{tag} presence status", ("notice",), joint(2), ("/presence/{team}", *VIEWS))
    yield Mark(f"{7000 + n} or more contacts", ("notice",), joint(3), ("/presence/{team}",))
    yield Mark(f"about {60 + n} in 100 such", ("review",), joint(3), ("/suggestions",))
    yield Mark(f"{tag}theirs", by, told_by(POLICE, 1), ("/requests/ours",))
    yield Mark(f"{tag} their event", by, told_by(SCHOOLS, 4), ("/requests/also", *VIEWS))
    yield Mark(f"{tag} their text", by, told_by(SCHOOLS, 4), ("/requests/also",))
    yield Mark(f"{tag} note of a colleague", by, own(4), ALERT, "written")
    yield Mark(f"{tag} challenge", by, own(4), ALERT, "written")
    if case.name in WRITTEN:
        yield Mark(f"{tag} why it is so", ANY, own(4), ("/basis/{of}/{ident}",),
                   "draft" if case.name == "determination proposed" else "written")  # fmt: skip
    if case.name in WRITTEN and WRITTEN[case.name][0] == bases.CONSENT:
        yield Mark(f"{tag} mother", ANY, own(4), ("/basis/{of}/{ident}",), "written")


def names_agency(who: Who, case: Case, agency: str) -> bool:
    """Whether a user may be told that an agency holds something of a case."""
    return any(may(who, case, kind).rungs.get(agency, -1) >= 1 for kind in ANY)
