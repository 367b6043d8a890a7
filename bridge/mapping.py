"""The mapping file: what each column is, and what makes a record and an event.

Decides the form of the file and reads it; docs/mapping.md explains it. What a form cannot say (a column that is not
there, a link that leads nowhere) is in mapping_check.py; turning a value by its column's place in mapping_values.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from schemas.event import FAMILIES, OUTCOMES, SEVERITY_MAX
from schemas.profile import STATUSES

Personal = Literal[
    "given", "middle", "surname", "name", "dob", "number", "street", "address", "postcode", "place", "email", "code",
    "nhs", "nhs_former", "upn", "uprn", "restricted", "communal", "other",
]  # fmt: skip
Sensitive = Literal["code", "flag", "number", "text", "date", "time"]
NONE, REFUSE = "none", "refuse"
SHORT = r"^[A-Za-z0-9_.-]{1,40}$"
KIND = r"^[a-z0-9_]{1,40}$"


class Problem(NamedTuple):
    """One fault of a mapping file."""

    line: int
    field: str
    message: str


class MappingError(ValueError):
    """A mapping file that cannot be used; says file, line and field of each fault."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{file}:{line}: {field}: {message}" for line, field, message in problems))


def code(value: object) -> str:
    """A value as codes are compared: `true`, `false`, numbers as written, empty for null.

    Example:
        >>> code(True), code(None), code(7)
        ('true', '', '7')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    width = getattr(value, "_width", None)  # a number written in the file with leading zeros, such as 08
    return str(value).zfill(width) if width else str(value)


def _coded_keys(value: Any) -> Any:
    return {code(key): item for key, item in value.items()} if isinstance(value, dict) else value


def _coded_list(value: Any) -> Any:
    return [code(item) for item in value] if isinstance(value, list) else [code(value)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
CodeList = Annotated[tuple[str, ...], BeforeValidator(_coded_list)]
Where = dict[str, CodeList]
T = TypeVar("T")


class Form(BaseModel):
    """Unknown keys are errors: a misspelt word must not silently mean nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Form):
    """The place of one column."""

    key: bool = False
    ignored: bool = False
    personal: Personal | None = None
    sensitive: Sensitive | None = None
    link: str | None = None
    zone: str | None = None
    format: str | None = None
    unit: Literal["ms", "us", "ns"] = "us"
    yes: CodeList | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {value: True} if isinstance(value, str) and value in {"key", "ignored"} else value

    @model_validator(mode="after")
    def _one_place(self) -> Column:
        places = sum((self.ignored, self.personal is not None, self.sensitive is not None, self.link is not None))
        if places > 1 or (places == 0 and not self.key) or (self.ignored and self.key):
            raise ValueError("expected one place: key, ignored, personal, sensitive or link")
        if (self.sensitive in {"date", "time"}) != (self.zone is not None):
            raise ValueError("expected a zone on a date or time column, and on no other")
        return self


class TableMap(Form):
    """One table: its key and the place of each column."""

    key: Names
    columns: dict[str, Column]


class Choose(Form):
    """Which of several joined rows counts: those that `where` holds for, still open ones first, then the newest."""

    newest: str | None = None
    ended: str | None = None
    where: Where = {}


class Join(Form):
    """A table joined by a foreign key.

    `on` stands in the joined table (many rows, hence `choose`) or in the table joined from (one row).
    """

    table: str
    on: Names
    from_: str | None = Field(default=None, alias="from")
    choose: Choose | None = None


class Codes(Form, Generic[T]):
    """What a local code stands for. `otherwise` is a value, `none` or `refuse`."""

    column: str
    codes: Annotated[dict[str, T], BeforeValidator(_coded_keys)]
    otherwise: T | Literal["none", "refuse"] = "refuse"


class FactorCode(Form):
    """A factor of the contract."""

    family: Literal[FAMILIES]  # type: ignore[valid-type]
    severity: Annotated[int, Field(ge=1, le=SEVERITY_MAX)]


Kind = Annotated[str, Field(pattern=KIND)]
Outcome = Literal[OUTCOMES]  # type: ignore[valid-type]
StatusKind = Literal[STATUSES]  # type: ignore[valid-type]


class StatusSpells(Form):
    """A table of spells of legal statuses."""

    table: str
    on: str
    kind: StatusKind | Codes[StatusKind]
    started: str
    ended: str | None = None
    where: Where = {}


class ProfileMap(Form):
    """What is true of a record now."""

    to_25: Codes[bool] | None = None
    group: Codes[str] | None = None
    allocation: Codes[str] | None = None
    unborn_of: str | None = None
    unborn: Codes[bool] | None = None
    statuses: tuple[StatusSpells, ...] = ()


class RecordMap(Form):
    """What makes a person record."""

    table: str
    by: Names | None = None
    choose: Choose | None = None
    where: Where = {}
    join: tuple[Join, ...] = ()
    profile: ProfileMap = ProfileMap()


def _kind_of_factor(value: Any) -> str:
    """A factor with a column is a code map, else a constant: so that a fault is told of the one that was meant."""
    coded = "column" in value if isinstance(value, dict) else isinstance(value, Codes)
    return "(codes)" if coded else "(constant)"


Factors = Annotated[
    Annotated[FactorCode, Tag("(constant)")] | Annotated[Codes[FactorCode], Tag("(codes)")],
    Discriminator(_kind_of_factor),
]


class EventMap(Form):
    """What makes an event."""

    table: str
    record: Annotated[dict[str, Names], Field(min_length=1, max_length=1)]
    occurred_at: str
    kind: Kind | Codes[Kind]
    where: Where = {}
    join: tuple[Join, ...] = ()
    factors: tuple[Factors, ...] = ()
    outcome: Outcome | Codes[Outcome] | None = None
    contact: bool | Codes[bool] = False
    text: tuple[str, ...] = ()


class HeartbeatMap(Form):
    """The table that a connector writes to, so that a beat travels the whole path."""

    table: str
    column: str
    zone: str
    unit: Literal["ms", "us", "ns"] = "us"


class SourceMap(Form):
    """One system of the agency."""

    tables: dict[str, TableMap]
    heartbeat: HeartbeatMap | None = None
    ignored_tables: tuple[str, ...] = ()
    records: dict[Annotated[str, Field(pattern=SHORT)], RecordMap] = {}
    events: dict[Annotated[str, Field(pattern=SHORT)], EventMap] = {}


class Mapping(Form):
    """The whole file."""

    version: Literal[1]
    agency: Annotated[str, Field(pattern=SHORT)]
    partnership: Annotated[str, Field(pattern=SHORT)] | Codes[str]
    sources: Annotated[dict[Annotated[str, Field(pattern=SHORT)], SourceMap], Field(min_length=1)]


def load(path: Path | str) -> Mapping:
    """Read and check a mapping file.

    Args:
        path: YAML 1.2 file, UTF-8.

    Returns:
        The mapping, with every name it uses known to exist.

    Raises:
        MappingError: It cannot be read, has another form, or names what is not there. All faults at once.
    """
    from bridge.mapping_check import check  # noqa: PLC0415  (the check needs the forms of this module)

    file = str(path)
    try:
        tree = YAML(typ="rt", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MappingError(file, [Problem(line, "file", f"not YAML: {error.problem}")]) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise MappingError(file, [Problem(1, "file", f"cannot be read: {type(error).__name__}")]) from None
    if not isinstance(tree, dict):
        raise MappingError(file, [Problem(1, "file", "expected a mapping of keys")])
    try:
        mapping = Mapping.model_validate(tree)
    except ValidationError as error:
        raise MappingError(file, _problems(tree, error)) from None
    faults = [Problem(_line(tree, where), ".".join(map(str, where)), what) for where, what in check(mapping)]
    if faults:
        raise MappingError(file, sorted(faults))
    return mapping


def _problems(tree: Any, error: ValidationError) -> list[Problem]:
    """Faults by place, one each; of a union's branches those that got further count."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    places = [(_in_tree(tree, fault["loc"]), fault) for fault in faults]
    found: dict[tuple[int, str], str] = {}
    for path, fault in places:
        deeper = any(other[: len(path)] == path and len(other) > len(path) for other, _ in places)
        if fault["type"].endswith("_type") and deeper:
            continue
        field = ".".join(map(str, path)) or "file"
        what = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            field, what = f"{field}.{fault['loc'][-1]}".removeprefix("file."), "is required"
        elif fault["type"] == "extra_forbidden":
            what = "unknown key"
        found.setdefault((_line(tree, path), field), what)
    return [Problem(line, field, what) for (line, field), what in sorted(found.items())]


def _in_tree(tree: Any, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The part of pydantic's place that exists in the file; names of union branches are left out."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(tree, dict) and part in tree:
            tree = tree[part]
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def _line(tree: Any, path: Sequence[str | int]) -> int:
    """1-based line of the deepest part of the path that is in the file."""
    line = 1
    for part in path:
        try:
            line = (tree.lc.key if hasattr(tree, "keys") else tree.lc.item)(part)[0] + 1
            tree = tree[part]
        except (KeyError, IndexError, AttributeError, TypeError):
            break
    return line
