"""The policy: protocols and a few rules of the house as Cedar, and what it decides.

Decides by asking Cedar, which denies what no policy permits. Each protocol becomes one policy whose name is the
reason of what it permits. Knows no child: facts are given.

Source:
    Cedar policy language, https://docs.cedarpolicy.com
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import cedarpy

from bridge.desk.access.protocols import ANY, Protocol

RUNGS: Final = 5
CALL_RUNG: Final = 1  # which agency and whom to call: what assessment first leaves
SUMMARY_RUNG: Final = 3
BREAK_GLASS: Final = "break-glass"
ASSESSMENT_FIRST: Final = "assessment-first"
RESTRICTED: Final = "restricted"


class Situation(NamedTuple):
    """What is so when a user asks for one agency's information about one child or household.

    Attributes:
        agency: Whose information.
        assigned: Protocols assigned to the user.
        relations: What ties the user to the child, as in protocols.Relation.
        bases: What is recorded for the child and this agency: `consent`, `determination`, `duty`.
        purpose: Said by the user; empty where nothing was asked.
        assessed: The own assessment is filed.
        stepped_up: The user proved who they are a short while ago.
        break_glass: The user broke the glass for this child, and it is not yet over.
        restricted: A record of the child is restricted.
        lifted: Two people lifted the restriction for this user.
    """

    agency: str
    assigned: frozenset[str]
    relations: frozenset[str]
    bases: frozenset[str] = frozenset()
    purpose: str = ""
    assessed: bool = False
    stepped_up: bool = False
    break_glass: bool = False
    restricted: bool = False
    lifted: bool = False


class Verdict(NamedTuple):
    """What Cedar says of one situation.

    Attributes:
        rung: Highest rung that is permitted with all below it; -1 none.
        reason: The policy that permits it: a protocol's id or `break-glass`; empty where none.
        barred: The rule of the house that bars the next rung, where one does; else empty.
    """

    rung: int
    reason: str = ""
    barred: str = ""


class Policy:
    """Protocols and house rules, compiled; verdicts are remembered.

    Args:
        protocols: In force.

    Raises:
        ValueError: Cedar refuses what was compiled.
    """

    MEMORY_MAX: Final = 20_000

    def __init__(self, protocols: Sequence[Protocol]) -> None:
        texts = [(one.id, _permit(one)) for one in protocols]
        texts += [(ASSESSMENT_FIRST, _assessment_first(one)) for one in protocols if one.assessment_first]
        texts += [(BREAK_GLASS, _BREAK_GLASS), (RESTRICTED, _RESTRICTED)]
        self.text = "\n".join(text for _, text in texts)
        self._names = {f"policy{number}": name for number, (name, _) in enumerate(texts)}
        self._compiled = cedarpy.PolicySet.from_str(self.text)
        self._order = {one.id: place for place, one in enumerate(protocols)}
        self._known: dict[Situation, Verdict] = {}

    def verdict(self, situation: Situation) -> Verdict:
        """What is permitted in a situation."""
        return self.verdicts((situation,))[0]

    def verdicts(self, situations: Iterable[Situation]) -> list[Verdict]:
        """What is permitted in each of many situations, in their order."""
        asked = list(situations)
        new = list(dict.fromkeys(one for one in asked if one not in self._known))
        if len(self._known) + len(new) > self.MEMORY_MAX:
            self._known.clear()
            new = list(dict.fromkeys(asked))
        self._known.update(zip(new, self._ask(new), strict=True))
        return [self._known[one] for one in asked]

    def _ask(self, situations: Sequence[Situation]) -> list[Verdict]:
        requests = [_request(one, rung) for one in situations for rung in range(RUNGS)]
        if not requests:
            return []
        answers = cedarpy.is_authorized_batch(requests, self._compiled, "[]")
        return [self._read(answers[first : first + RUNGS]) for first in range(0, len(answers), RUNGS)]

    def _read(self, answers: Sequence[Any]) -> Verdict:
        rung, reason = -1, ""
        for answer in answers:
            if answer.diagnostics.errors:
                raise RuntimeError("the policy could not be evaluated")
            names = [self._names[one] for one in answer.diagnostics.reasons]
            if not answer.allowed:
                return Verdict(rung, reason, names[0] if names else "")
            rung += 1
            reason = min(names, key=lambda name: (name == BREAK_GLASS, self._order.get(name, 0)))
        return Verdict(rung, reason)


def _request(one: Situation, rung: int) -> dict[str, Any]:
    context = {
        "agency": one.agency, "rung": rung, "assigned": sorted(one.assigned), "relations": sorted(one.relations),
        "bases": sorted(one.bases), "purpose": one.purpose, "assessed": one.assessed, "stepped_up": one.stepped_up,
        "break_glass": one.break_glass, "restricted": one.restricted, "lifted": one.lifted,
    }  # fmt: skip
    return {"principal": 'User::"user"', "action": 'Action::"see"', "resource": 'Information::"of-agency"',
            "context": context}  # fmt: skip


def _permit(one: Protocol) -> str:
    terms = [f"context.assigned.contains({_text(one.id)})", f"context.rung <= {one.rung}",
             f"context.relations.containsAny({_texts(one.relations)})",
             f'(context.purpose == "" || context.purpose == {_text(one.purpose)})']  # fmt: skip
    if ANY not in one.agencies:
        terms.append(f"{_texts(one.agencies)}.contains(context.agency)")
    if one.free_rung < one.rung:
        terms.append(f"(context.rung <= {one.free_rung} || context.bases.containsAny({_texts(one.bases)}))")
    if one.step_up_rung <= one.rung:
        terms.append(f"(context.rung < {one.step_up_rung} || context.stepped_up)")
    return f"permit(principal, action, resource) when {{\n  {_joined(terms)}\n}};"


def _assessment_first(one: Protocol) -> str:
    terms = [f"context.assigned.contains({_text(one.id)})", f"context.rung > {CALL_RUNG}", "!context.assessed",
             "!context.break_glass"]  # fmt: skip
    if ANY not in one.agencies:
        terms.append(f"{_texts(one.agencies)}.contains(context.agency)")
    return f"forbid(principal, action, resource) when {{\n  {_joined(terms)}\n}};"


_BREAK_GLASS: Final = f"""permit(principal, action, resource) when {{
  context.break_glass && context.rung <= {SUMMARY_RUNG} && context.stepped_up
}};"""
_RESTRICTED: Final = f"""forbid(principal, action, resource) when {{
  context.restricted && context.rung > {CALL_RUNG} && !context.lifted
}};"""


def _joined(terms: Iterable[str]) -> str:
    return " &&\n  ".join(terms)


def _text(value: str) -> str:
    return json.dumps(value)  # ids, agencies and purposes: letters, digits and hyphens


def _texts(values: Iterable[str]) -> str:
    return json.dumps(sorted(values))


def remedies(policy: Policy, situation: Situation, rung: int, own: bool) -> tuple[str, ...]:
    """What would open a rung, each alone but for proving who one is: the same policy is asked, one thing changed.

    Args:
        policy: In force.
        situation: As it is.
        rung: The rung wished for.
        own: It is the user's own agency's information: for that nobody breaks a glass.

    Returns:
        `step_up` where that is all it takes; else of `assessed`, `consent`, `determination`, `duty`, `lifted`,
        `allocated`, `break_glass` those that do, in that order.
    """
    sure = situation._replace(stepped_up=True)
    changed: dict[str, Situation] = {
        "step_up": sure,
        "assessed": sure._replace(assessed=True),
        **{basis: sure._replace(bases=sure.bases | {basis}) for basis in ("consent", "determination", "duty")},
        "lifted": sure._replace(lifted=True),
        "allocated": sure._replace(relations=sure.relations | {"allocated"}),
        "break_glass": sure._replace(break_glass=True),
    }
    if own:
        del changed["break_glass"]
    verdicts = policy.verdicts(changed.values())
    found = tuple(name for name, verdict in zip(changed, verdicts, strict=True) if verdict.rung >= rung)
    return ("step_up",) if "step_up" in found else found
