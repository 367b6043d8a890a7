"""Settings of a desk: plain values from one file; secrets are files of their own.

Decides which settings exist and that a wrong one is named. Opens nothing but the settings file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bridge.config import Kafka, read
from schemas.exchange import REQUEST_MAX_MS
from schemas.lookup import VALID_MAX_MS, VALID_S

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_M = TypeVar("_M", bound=BaseModel)


class Contact(_Model):
    """An agency of the partnership as staff know it; `kind` is its kind in the register, such as `police`."""

    name: str
    kind: str = ""
    office_number: str = ""
    out_of_hours_number: str = ""


class Team(_Model):
    """A team of this agency; its own credentials read its own topics and no others."""

    name: str
    kafka: Kafka


class Exchange(_Model):
    """Disclosure between agencies.

    Attributes:
        partners: The other agencies' public keys, see bridge/desk/exchange/partners.py.
        kept: What was asked and answered, sealed; made where it is absent.
        valid_s: How long a request is open.
        keep_days: How long requests and answers are kept.
    """

    partners: Path
    kept: Path
    valid_s: int = Field(default=3 * 24 * 3600, gt=0, le=REQUEST_MAX_MS // 1000)
    keep_days: int = Field(default=365, gt=0)


class Assessing(_Model):
    """How the agency's own events tell that an assessment was opened and filed, by their kinds in the mapping.

    Attributes:
        opened_by: Kinds that open one, such as a referral.
        filed_by: Kinds that file it.
        valid_days: For how long a filed one counts where none was opened since.
    """

    opened_by: tuple[str, ...] = ("referral",)
    filed_by: tuple[str, ...] = ("assessment", "need_or_plan")
    valid_days: int = Field(default=365, ge=1, le=3650)


class Oidc(_Model):
    """The agency's identity provider, OpenID Connect: it says who somebody is, the accounts file what they may.

    Attributes:
        issuer: As the provider names itself in its tokens; its settings are read from below it.
        client_id: The desk's name there.
        client_secret_file: The desk's secret there.
        address: Where staff reach the desk, as `https://desk.council.example`; the provider sends them back to
            `/sign-in/callback` there and to nowhere else.
        claim: Claim of the token that holds the `login` of an account.
        scope: What the desk asks for.
        step_up_acr: Classes of authentication one of which a step up must reach; any where empty.
        step_up_amr: Methods one of which a step up must have used, as `mfa` or `hwk`; any where empty.
        ca_file: Certificate of the provider's authority, where the machine does not know it.
    """

    issuer: str
    client_id: str
    client_secret_file: Path
    address: str
    claim: str = "preferred_username"
    scope: str = "openid profile"
    step_up_acr: tuple[str, ...] = ()
    step_up_amr: tuple[str, ...] = ()
    ca_file: Path | None = None

    @field_validator("issuer", "address")
    @classmethod
    def _encrypted(cls, url: str) -> str:
        if not encrypted(url):
            message = "expected an https address (http on the loopback alone)"
            raise ValueError(message)
        return url


def encrypted(url: str) -> bool:
    """Whether what is sent to an address cannot be read on its way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


class Governing(_Model):
    """An agency at whose desk information governance changes controls.

    Attributes:
        kafka: Brokers, and the principal that writes controls and drafts: `governance`.
        approver_keys: User id -> file of that person's private key, readable by its owner alone. It signs only in
            that user's own session, after a step up.
    """

    kafka: Kafka
    approver_keys: dict[str, Path] = Field(min_length=1)


class Config(_Model):
    """Settings of `sightline desk`.

    Attributes:
        partnership: Partnership.
        agency: This agency.
        kafka: Brokers, and the principal that writes responses, such as `desk-council`.
        teams: Team id -> team; an inbox each.
        team_names: Names of other agencies' teams, for presence.
        team_agencies: Whose teams they are.
        agencies: Agency id -> name and numbers to call.
        redis_url: Redis beside the desk.
        keys: The agency's key folder, which opens the store.
        store: The bridge's local store.
        accounts: Accounts file, see bridge/desk/accounts.py.
        protocols: Sharing protocols, signed; see bridge/desk/access/protocols.py.
        approvers: Who signs them: name -> Ed25519 public key, hex.
        records: The desk's own store of what people write; made at the first start.
        assessing: How the own events tell of assessments.
        summary_template: What a case summary holds, see bridge/desk/cases/template.py; absent: the product's own.
        audit: Audit file, appended to.
        secret_file: Signs session cookies; made at the first start.
        clock: Partnership clock of a demonstration; wall time where absent.
        governance: Change of controls; absent where this desk changes none.
        profile: Of the encodings, as at the bridge: a look-up is encoded as its records are.
        lookup_valid_s: How long the answer to a look-up is there, in partnership time.
        exchange: Disclosure between agencies; absent where this desk asks and answers nothing.
        hosts: Host names the desk answers to.
        https: Cookies are sent over TLS only; off for a demonstration on the loopback.
        idle_s: A session ends after so many seconds without a page.
        session_s: A session ends after so many seconds in any case: one shift.
        oidc: The agency's identity provider.
        local_accounts: Passwords of the accounts file work beside it too.
        proxies: Addresses of proxies that say whom they speak for (`X-Forwarded-For`); no others are believed.
    """

    partnership: str
    agency: str
    kafka: Kafka
    teams: dict[str, Team] = Field(min_length=1)
    team_names: dict[str, str] = {}
    team_agencies: dict[str, str] = {}
    agencies: dict[str, Contact] = {}
    redis_url: str
    keys: Path
    store: Path
    accounts: Path
    protocols: Path
    approvers: dict[str, str] = Field(min_length=2)
    records: Path
    assessing: Assessing = Assessing()
    summary_template: Path | None = None
    audit: Path
    secret_file: Path
    clock: Path | None = None
    profile: Literal["default", "strict"] = "default"
    lookup_valid_s: int = Field(default=VALID_S, gt=0, le=VALID_MAX_MS // 1000)
    exchange: Exchange | None = None
    governance: Governing | None = None
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    https: bool = True
    idle_s: int = Field(default=30 * 60, gt=0)
    session_s: int = Field(default=12 * 3600, gt=0)
    oidc: Oidc | None = None
    local_accounts: bool = False
    proxies: tuple[str, ...] = ()

    @property
    def passwords(self) -> bool:
        """Whether passwords of the accounts file open the desk."""
        return self.oidc is None or self.local_accounts

    def agency_name(self, agency: str) -> str:
        """Name of an agency as staff know it."""
        return self.agencies[agency].name if agency in self.agencies else agency.replace("_", " ").capitalize()

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Agencies of a kind."""
        return tuple(agency for agency, contact in self.agencies.items() if contact.kind == kind)

    def team_name(self, team: str) -> str:
        """Name of a team, own or another agency's."""
        if team in self.teams:
            return self.teams[team].name
        return self.team_names.get(team, team.replace("-", " ").capitalize())


def load(path: Path) -> Config:
    """Settings from a YAML or JSON file; relative paths are relative to it.

    Raises:
        ConfigError: It cannot be read, or a field is missing, unknown or wrong.
    """
    return _resolved(read(path, Config), path.resolve().parent)


def _resolved(config: Config, folder: Path) -> Config:
    own = ("keys", "store", "accounts", "protocols", "records", "audit", "secret_file", "clock",
           "summary_template")  # fmt: skip
    teams = {
        name: team.model_copy(update={"kafka": _against(folder, team.kafka, "password_file", "ca_file")})
        for name, team in config.teams.items()
    }
    kafka = _against(folder, config.kafka, "password_file", "ca_file")
    exchange = _against(folder, config.exchange, "partners", "kept") if config.exchange else None
    oidc = _against(folder, config.oidc, "client_secret_file", "ca_file") if config.oidc else None
    governance = _governing(folder, config.governance) if config.governance else None
    changed = {"teams": teams, "kafka": kafka, "exchange": exchange, "oidc": oidc, "governance": governance}
    return _against(folder, config, *own).model_copy(update=changed)


def _governing(folder: Path, governing: Governing) -> Governing:
    keys = {user: folder / file for user, file in governing.approver_keys.items()}
    kafka = _against(folder, governing.kafka, "password_file", "ca_file")
    return governing.model_copy(update={"kafka": kafka, "approver_keys": keys})


def _against(folder: Path, model: _M, *names: str) -> _M:
    """The model with these paths taken relative to a folder."""
    return model.model_copy(
        update={name: folder / path for name in names if (path := getattr(model, name)) is not None}
    )
