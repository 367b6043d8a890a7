"""What to try at the desks of the demo, in the order of the story.

Decides wording only: a user of each kind, what they open, and what they should see and should not.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Final

WIDTH: Final = 78

STEPS = (
    ("council", "duty", "a social worker at the front door. Open an alert: why, how fresh, who else knows the "
     "family; take it, assign it, close it with what came of it. Where it says “Not known to us” (Show more, at the "
     "end of the list) one touch asks who the child is: the other agency's desk answers by its protocol, sealed to "
     "yours. Look somebody up (Look up) by name and birth date: what you type leaves in no form that anybody can "
     "read. Under Duty team East the children allocated to it are My children."),
    ("council", "worker", "a social worker whose own assessment comes first: what the police know is “known to "
     "police” and no more, in alert, summary and record, until an assessment is in the council's own system."),
    ("council", "supervisor", "sees what the worker does not, and challenges; agrees to a determination that seeking "
     "consent would be to the child's detriment (Basis for sharing, on any alert)."),
    ("police", "officer", "decides what others ask of the police (Requests): answer, or refuse with a reason."),
    ("hospital", "nurse", "Presence: a child known to social care presented here; whom to call, and no content."),
    ("council", "governance", "protocols, consents being sought, emergencies to review, the access log, what left "
     "the bridge. Opens no child's page. Under Controls drafts a change of the rules, with yesterday's date so that "
     "it holds at once, and signs it."),
    ("council", "caldicott", "the second person: sees what is altered and what it would have changed over the last "
     "year, signs, and the platform takes it."),
    ("council", "analyst", "insights: caseload, flows, demand, quality of alerts and links; small numbers withheld."),
)  # fmt: skip


def text(addresses: Mapping[str, str], password: str) -> str:
    """The tour, as it is printed.

    Args:
        addresses: Agency -> address of its desk.
        password: Of every account of the demo.
    """
    lines = ["", f"The desks are open; every password is {password}"]
    for agency, login, what in STEPS:
        lines += ["", f"{login}, at {addresses[agency]} ({agency})"]
        lines += wrap(what, WIDTH, initial_indent="  ", subsequent_indent="  ")
    lines += ["", "Sign out before you sign in as somebody else, or use a second browser. Ctrl-C ends it all.", ""]
    return "\n".join(lines)
