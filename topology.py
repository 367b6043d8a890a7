"""The map: every topic, agent and view, declared once as plain data.

Decides who writes and who reads what, by which key and for how long. Decides nothing about what the
messages mean (schemas/) or how they are handled (bridge/, streams/). The Faust app, the ACLs, the README's
picture and the tests are derived from it. No third-party import.
"""

from __future__ import annotations

from dataclasses import dataclass

RETENTION_S = 28 * 24 * 3600  # 28 days: an erasure must be gone from every log within the month the law allows
JOURNAL_PARTITIONS = 4  # partitions of journal and commits; the register assigns partnerships to them
MESSAGE_MAX_BYTES = 256 * 1024  # largest payload that is decoded, RELIABILITY 1.6
COMMIT_MAX_BYTES = 900 * 1024  # larger commits are written in parts
COMMIT_TOPIC_MAX_BYTES = 4 * 1024 * 1024  # broker's limit on commits, well above our own


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic or one family of topics.

    A name with `{agency}` or `{team}` stands for one topic each. Writer and readers are roles; a role with the
    same placeholder means the same agency or team and no other.
    """

    name: str
    writer: str
    readers: tuple[str, ...]
    key: str
    schemas: tuple[str, ...]
    what: str
    partitioned: bool = False
    compacted: bool = False
    retention_s: int = RETENTION_S
    max_message_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Agent:
    """One process role: what it reads and writes, and where its code is."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    wing: str
    what: str


@dataclass(frozen=True, slots=True)
class View:
    """One kind of row on `views-<agency>`."""

    name: str
    what: str


IDENTITIES = Topic(
    "identities-{agency}", "bridge-{agency}", ("intake",), "partnership", ("envelope", "payload_key"),
    "a record's encodings, sealed; payload keys (on both lanes, so that none is overtaken)",
)  # fmt: skip
EVENTS = Topic(
    "events-{agency}", "bridge-{agency}", ("intake",), "partnership", ("envelope",),
    "what happened to a record, sealed; profiles, heartbeats, live",
)  # fmt: skip
RESPONSES = Topic(
    "responses-{agency}", "desk-{agency}", ("intake",), "partnership", ("response",),
    "what named people decided: acknowledge, assign, snooze, act, close, dispute, link assertions",
)  # fmt: skip
REQUESTS = Topic(
    "requests-{agency}", "desk-{agency}", ("intake",), "partnership", ("request", "lookup"),
    "what one agency asks of another, which reaches the holding desk on its views; look-ups, encoded and sealed",
)  # fmt: skip
DISCLOSURES = Topic(
    "disclosures-{agency}", "desk-{agency}", ("desk-*",), "request", ("disclosure",),
    "answers and refusals, signed, and sealed to the desk that asked; daily heads of that desk's audit, signed",
)  # fmt: skip
CONTROLS = Topic(
    "controls", "governance", ("intake",), "partnership/name", ("control",),
    "register, thresholds, models, protocols, routes: two signatures, versioned, effective from",
    compacted=True,
)  # fmt: skip
DRAFTS = Topic(
    "drafts", "governance", ("previewer",), "draft", ("draft",),
    "changes of rules that one person has signed, to be run over the history before a second signs",
)  # fmt: skip
PREVIEWS = Topic(
    "previews", "previewer", ("desk-*",), "draft", ("preview",),
    "what a draft would have changed: counts alone, small numbers withheld; or why it cannot be said",
)  # fmt: skip
JOURNAL = Topic(
    "journal", "intake", ("worker", "intake", "operator"), "partnership", ("journal",),
    "all of the above in one order, with received_at; ticks", partitioned=True,
)  # fmt: skip
COMMITS = Topic(
    "commits", "worker", ("worker", "publisher", "snapshotter", "operator"), "partition", ("commit",),
    "the chain: delta, outbox and position of each chunk",
    partitioned=True, max_message_bytes=COMMIT_TOPIC_MAX_BYTES,
)  # fmt: skip
ALERTS = Topic(
    "alerts-{team}", "publisher", ("team-{team}",), "alert_id", ("alert",),
    "raised, updated, cleared, retracted; escalate or step-down",
)  # fmt: skip
PRESENCE = Topic(
    "presence-{team}", "publisher", ("team-{team}",), "notice_id", ("presence",),
    "presented at, when; known to, call",
)  # fmt: skip
VIEWS = Topic(
    "views-{agency}", "publisher", ("desk-{agency}",), "key", ("view",),
    "scores, households, links, suggestions and requests by own pseudonyms, insights, freshness: cut to protocol",
    compacted=True,
)  # fmt: skip
LINKS = Topic(
    "links",
    "publisher",
    ("operator",),
    "partnership",
    ("link_change",),
    "entity changes from and to, with cause",
)
SCORES = Topic("scores", "publisher", ("operator",), "household", ("score",), "scores with factors")
DEAD_LETTERS_INTAKE = Topic(
    "dead-letters-{agency}", "intake", ("bridge-{agency}", "desk-{agency}"), "agency", ("dead_letter",),
    "what intake or step refused: bytes sealed to that agency, reason, size and hash in clear",
)  # fmt: skip
PUBLISHER_CURSOR = Topic(
    "publisher-cursor", "publisher", ("publisher",), "partition", (), "the publisher's place in commits",
    compacted=True,
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    IDENTITIES, EVENTS, RESPONSES, REQUESTS, DISCLOSURES, CONTROLS, DRAFTS, PREVIEWS, JOURNAL, COMMITS,
    ALERTS, PRESENCE, VIEWS, LINKS, SCORES, DEAD_LETTERS_INTAKE, PUBLISHER_CURSOR,
)  # fmt: skip

ALSO_WRITES: dict[str, tuple[str, ...]] = {"publisher": (DEAD_LETTERS_INTAKE.name,)}
"""Second writers: step's refusals leave through the outbox, hence by the publisher."""

AGENTS: tuple[Agent, ...] = (
    Agent("bridge", (DEAD_LETTERS_INTAKE.name,), (IDENTITIES.name, EVENTS.name), "bridge",
          "sources, store, split, encode, seal"),
    Agent("intake", (IDENTITIES.name, EVENTS.name, RESPONSES.name, REQUESTS.name, CONTROLS.name, JOURNAL.name),
          (JOURNAL.name, DEAD_LETTERS_INTAKE.name), "streams", "checks the envelope, puts all in one order"),
    Agent("worker", (JOURNAL.name, COMMITS.name), (COMMITS.name,), "streams",
          "the partnership agent: link, risk, alert"),
    Agent("publisher", (COMMITS.name, PUBLISHER_CURSOR.name),
          (ALERTS.name, PRESENCE.name, VIEWS.name, LINKS.name, SCORES.name, DEAD_LETTERS_INTAKE.name,
           PUBLISHER_CURSOR.name), "streams", "cuts to protocol and sends exactly once"),
    Agent("snapshotter", (COMMITS.name,), (), "streams", "folds commits to snapshots; verifies the chain"),
    Agent("previewer", (DRAFTS.name,), (PREVIEWS.name,), "streams", "runs drafted rules over the history"),
    Agent("desk",
          (ALERTS.name, PRESENCE.name, VIEWS.name, DISCLOSURES.name, DEAD_LETTERS_INTAKE.name, PREVIEWS.name),
          (RESPONSES.name, REQUESTS.name, DISCLOSURES.name), "bridge", "the page for duty teams; names return here"),
)  # fmt: skip

VIEWS_KINDS: tuple[View, ...] = (
    View("household", "a household's score, where it is heading, factors and members by own pseudonyms"),
    View("link", "what holds the people of a household together, by field and own pseudonyms"),
    View("insight", "aggregate tables, published weekly, small numbers suppressed"),
    View("freshness", "how far each feed is behind"),
    View("suggestion", "records of two people who may be one, for a person to decide"),
    View("request", "what another agency asks of own records, until it expires; what is answered never passes here"),
    View("lookup", "what a look-up found: a household, own records, who else knows; until it expires"),
    View("model", "which model and stage is in force, and how good it is"),
)


def expand(template: str, agencies: tuple[str, ...], teams: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the topics or principals that a template stands for.

    Args:
        template: A name, with at most one of `{agency}` and `{team}`.
        agencies: Agency ids, as in the register.
        teams: Team ids, as in the register.

    Returns:
        One name an agency or team, in their order; the template itself if it has no placeholder.

    Example:
        >>> expand("alerts-{team}", (), ("mash", "early-help"))
        ('alerts-mash', 'alerts-early-help')
    """
    if "{agency}" in template:
        return tuple(template.format(agency=agency) for agency in agencies)
    if "{team}" in template:
        return tuple(template.format(team=team) for team in teams)
    return (template,)
