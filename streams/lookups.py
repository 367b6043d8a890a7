"""Looking somebody up: who the agencies' records say a name and a birth date are, without either being readable here.

Decides who is found. An encoded identity is compared as a record would be, by the same blocking and the model in
force, and it never becomes one: nothing that links, scores or alerts depend on changes, and neither does time. Does
not decide what a user may see of what was found: the cut and the desk do.

The rule. It is by given name, surname and birth date, with an NHS number or without, and by nothing else. A person
is found whose best record reaches the automatic threshold: twins and rivals do not. Where several do, the strongest
three are told. A person with a restricted record is as if nobody held it: the same answer.
"""

from __future__ import annotations

from typing import Any, Final, cast

from schemas import codec, crypto
from schemas.identity import FIELDS, TOKEN_BYTES, TOKENS
from schemas.identity import Identity as WireIdentity
from schemas.lookup import FIELDS_NEEDED, FIELDS_SEALED, TOKENS_SEALED, VALID_MAX_MS, seal_info, statement
from streams.linkage import identity as encodings
from streams.linkage.identity import Identity
from streams.outbox import LookupOut, MatchOut, RowOut
from streams.partnership import Partnership
from streams.records import Looked

OPEN_MAX_PER_AGENCY: Final = 500  # answers of one agency that are not yet taken back
HOUR_MAX_PER_AGENCY: Final = 1_000  # look-ups of one agency within an hour: fifty people who do nothing else
HOUR_MS: Final = 3600 * 1000
MATCHES_MAX: Final = 3
_IDENTITY: Final = frozenset({"identity"})
_NEEDED: Final = sum(1 << FIELDS.index(name) for name in FIELDS_NEEDED)
_BEYOND: Final = sum(1 << place for place, name in enumerate(FIELDS) if name not in FIELDS_SEALED)
_FORBIDDEN: Final = frozenset(TOKENS) - frozenset(TOKENS_SEALED)


def lookup(p: Partnership, now: int, agency: str, message: Any) -> str:
    """Answer a look-up on the asking agency's own view.

    Returns:
        `applied` or `duplicate`.

    Raises:
        ValueError: It is refused; the text is a reason of schemas.dead_letter.
    """
    if message["agency"] != agency:
        raise ValueError("wrong_agency")
    lookup_id, expires_at = message["lookup_id"], message["expires_at"]
    if lookup_id in p.tables["lookups"]:
        return "duplicate"
    _check(p, now, agency, message)
    identity = _opened(p, message)
    p.tables["lookups"][lookup_id] = Looked(agency, now, expires_at)
    rung = p.registered().agencies[agency].rung
    p.emit("lookup", agency, LookupOut(_key(lookup_id), now, expires_at, rung, _matches(p, agency, identity)))
    return "applied"


def time(p: Partnership, received_at: int) -> int:
    """Partnership time of a look-up; unlike another message it does not move it."""
    now: int = max(received_at, p.tables["time"].get("now", 0))
    return now


def advance(p: Partnership, now: int) -> None:
    """Take back what has expired, and forget what no longer counts; called on every tick."""
    table = p.tables["lookups"]
    for lookup_id in sorted(table):
        row: Looked = table[lookup_id]
        told = row.told and row.expires_at > now
        if row.told and not told and row.agency in p.registered().agencies:
            p.emit("view", row.agency, RowOut("lookup", _key(lookup_id), now, None))
        if not told and row.asked_at + HOUR_MS <= now:
            del table[lookup_id]
        elif told != row.told:
            table[lookup_id] = Looked(row.agency, row.asked_at, row.expires_at, told)


def _check(p: Partnership, now: int, agency: str, message: Any) -> None:
    register = p.registered()
    team = register.teams.get(message["team"])
    if not crypto.verify(
        bytes.fromhex(register.agencies[agency].sign_public), statement(message), message["signature"]
    ):
        raise ValueError("lookup_signature")
    if team is None or team.agency != agency or message["expires_at"] > now + VALID_MAX_MS:
        raise ValueError("bad_lookup")
    if message["expires_at"] <= now:
        raise ValueError("lookup_expired")
    own = [row for row in p.tables["lookups"].values() if row.agency == agency]
    if (
        sum(row.told for row in own) >= OPEN_MAX_PER_AGENCY
        or sum(row.asked_at + HOUR_MS > now for row in own) >= HOUR_MAX_PER_AGENCY
    ):
        raise ValueError("lookup_full")


def _opened(p: Partnership, message: Any) -> Identity:
    """The encodings, as of nobody's record: of no agency, so that being held twice at one says nothing.

    Raises:
        ValueError: It does not open, or is no identity.
    """
    try:
        plain = crypto.hpke_open(p.keyring.platform_private, message["sealed"], seal_info(message))
    except crypto.Broken:
        raise ValueError("seal_broken") from None
    try:
        _, identity = codec.decode(plain, _IDENTITY)
    except codec.Rejected as error:
        raise ValueError(error.reason) from None
    if identity["op"] != "upsert":
        raise ValueError("bad_lookup")
    made = encodings.from_wire(cast(WireIdentity, identity), agency="")
    if made.nulls & _NEEDED or _BEYOND & ~made.nulls or not _FORBIDDEN.isdisjoint(_held(made.tokens)):
        raise ValueError("bad_lookup")
    return made


def _held(tokens: bytes) -> list[str]:
    """Names of the tokens that are there."""
    return [name for place, name in enumerate(TOKENS) if any(tokens[place * TOKEN_BYTES : (place + 1) * TOKEN_BYTES])]


def _matches(p: Partnership, agency: str, identity: Identity) -> tuple[MatchOut, ...]:
    """People who are found, the strongest first."""
    best: dict[bytes, int] = {}
    for record, link in p.links.strangers(identity).items():
        person = p.graph.cluster(record)
        best[person] = max(link, best.get(person, link))
    open_ = [(-link, person) for person, link in best.items() if not _is_restricted(p, person)]
    return tuple(_match(p, agency, person, -weaker) for weaker, person in sorted(open_)[:MATCHES_MAX])


def _is_restricted(p: Partnership, person: bytes) -> bool:
    return any(p.is_restricted(rid) or p.graph.identities[rid].restricted for rid in p.graph.members(person))


def _match(p: Partnership, agency: str, person: bytes, link: int) -> MatchOut:
    members = p.graph.members(person)
    agencies = tuple(sorted({p.tables["records"][rid].agency for rid in members}))
    return MatchOut(p.graph.household(person), p.own(agency, members), agencies, link)


def _key(lookup_id: bytes) -> str:
    return f"lookup:{lookup_id.hex()}"
