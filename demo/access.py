"""Who may see what in the demo: the sharing protocols of each agency, and its users.

Decides nothing for anybody else: every partnership writes its own protocols, and two approvers sign them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

LAW: Final = (
    "Children Act 2004 sections 10, 11 and 16LA; UK GDPR article 6(1)(e), Data Protection Act 2018 schedule 1 "
    "paragraph 18"
)
OWN: Final = "own-records"
SCREENING: Final = "front-door-screening"
ENQUIRY: Final = "enquiry-with-a-basis"
ASSESSING: Final = "assessment-first"
SUPERVISION: Final = "supervision"
PARTNER: Final = "partner-safeguarding"
PLANNING: Final = "planning"


def protocols(agency: str) -> list[dict[str, Any]]:
    """Sharing protocols of one agency's users."""
    everybody = ["*"]
    return [
        {"id": OWN, "title": "Our own records", "purpose": "safeguarding", "agencies": [agency], "rung": 4,
         "legal_basis": "The agency's own functions; UK GDPR article 6(1)(e)"},
        {"id": SCREENING, "title": "Screening at the front door", "purpose": "safeguarding", "agencies": everybody,
         "rung": 3, "legal_basis": LAW, "relations": ["alert", "allocated", "lookup", "request", "review"]},
        {"id": ENQUIRY, "title": "Records of partners, for an enquiry", "purpose": "safeguarding",
         "agencies": everybody, "rung": 4, "free_rung": 1, "bases": ["consent", "determination", "duty"],
         "step_up_rung": 4, "legal_basis": "Children Act 1989 sections 17 and 47; Children Act 2004 section 16LA"},
        {"id": ASSESSING, "title": "Assessment first: police information after your own assessment",
         "purpose": "safeguarding", "agencies": ["police"], "rung": 3, "assessment_first": True, "legal_basis": LAW},
        {"id": SUPERVISION, "title": "Supervision of assessments", "purpose": "supervision", "agencies": everybody,
         "rung": 3, "legal_basis": LAW},
        {"id": PARTNER, "title": "Safeguarding at a partner", "purpose": "safeguarding", "agencies": everybody,
         "rung": 2, "legal_basis": LAW},
        {"id": PLANNING, "title": "Planning of services, without anybody's name", "purpose": "planning",
         "agencies": everybody, "rung": 2, "relations": ["alert"],
         "legal_basis": "Children Act 2004 section 10; statistics only"},
    ]  # fmt: skip


def disclosures(agency: str) -> list[dict[str, Any]]:
    """What one agency answers to the others: who a child is at once, more than that by a person."""
    others = [other for other in USERS if other != agency]
    return [
        {"id": "who-is-this", "title": "Who a child is whom another agency has an alert about", "to": others,
         "legal_basis": LAW, "purposes": ["identify", "protect"], "kinds": ["identity"], "rung": 4, "needs": "duty",
         "automatic": True},
        {"id": "enquiry", "title": "Records for an enquiry into significant harm", "to": others,
         "legal_basis": "Children Act 1989 section 47; Children Act 2004 section 16LA", "purposes": ["protect"],
         "kinds": ["identity", "summary", "record"], "rung": 4, "needs": "none"},
        {"id": "assessment", "title": "A summary for an assessment of need, with consent", "to": others,
         "legal_basis": "Children Act 1989 section 17", "purposes": ["assess_need", "step_down"],
         "kinds": ["identity", "summary"], "rung": 4, "needs": "consent"},
    ]  # fmt: skip


class User(NamedTuple):
    """One user of the demo: login is what they type, all with the demo's password."""

    login: str
    name: str
    roles: tuple[str, ...]
    protocols: tuple[str, ...]
    teams: tuple[str, ...] | None = None
    """None: all of the agency's."""


APPROVERS: Final = {"governance": "head-of-governance", "caldicott": "caldicott-guardian"}
"""Users of the council who change controls, and the approver whose key is theirs."""
USERS: Final = {
    "council": (
        User("duty", "Dana Duty", ("social_worker",), (OWN, SCREENING, ENQUIRY)),
        User("worker", "Wren Worker", ("social_worker",), (OWN, PARTNER, ENQUIRY, ASSESSING), ("duty-east",)),
        User("supervisor", "Sol Supervisor", ("supervisor",), (OWN, SUPERVISION, ENQUIRY)),
        User("governance", "Gale Governance", ("governance",), (), ()),
        User("caldicott", "Cal Caldicott", ("governance",), (), ()),
        User("analyst", "Ari Analyst", ("analyst",), (PLANNING,)),
    ),
    "police": (User("officer", "Olu Officer", ("police_officer",), (OWN, PARTNER, ENQUIRY)),),
    "hospital": (User("nurse", "Nia Nurse", ("nurse",), (OWN, PARTNER, ENQUIRY)),),
    "schools": (User("lead", "Lee Lead", ("duty_worker",), (OWN, PARTNER)),),
    "homes": (User("officer", "Hana Homes", ("duty_worker",), (OWN, PARTNER)),),
}
