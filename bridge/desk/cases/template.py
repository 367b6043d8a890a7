"""The template of a case summary: which sections, in which order, for how long back. The agency defines it.

Decides which sections there are and that a wrong template is named by file and field. What a section holds is in
sections.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bridge.config import read

Kind = Literal[
    "who", "standing", "alerts", "timeline", "factors", "relationships", "trajectory", "presence", "withheld",
    "disclosed", "changed",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
NEEDED: Final[tuple[Kind, ...]] = ("who", "withheld")
"""No summary goes without them: whom it is about, and that something is missing."""
DEFAULT: Final = Path(__file__).with_name("summary.yaml")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Model):
    """One section.

    Attributes:
        kind: What it holds.
        title: Its heading; the product's own where empty.
        limit: At most so many lines, the newest or strongest; the rest is counted.
        kinds: Of a timeline: only these kinds of events, as the mapping names them; all where empty.
    """

    kind: Kind
    title: str = Field(default="", max_length=80)
    limit: int = Field(default=100, ge=1, le=500)
    kinds: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kinds and self.kind != "timeline":
            raise ValueError(f"only a timeline has kinds of events, not {self.kind}")
        return self


class Template(_Model):
    """A case summary.

    Attributes:
        title: Its heading.
        period_days: The timeline goes back so many days.
        sections: In the order in which they are shown, each kind at most once.
    """

    title: str = Field(default="Case summary", min_length=1, max_length=80)
    period_days: int = Field(default=365, ge=1, le=36_500)
    sections: tuple[Part, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        kinds = [part.kind for part in self.sections]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"expected each kind once, found {', '.join(twice)} twice")
        if missing := [kind for kind in NEEDED if kind not in kinds]:
            raise ValueError(f"expected sections {' and '.join(NEEDED)}, found no {' and no '.join(missing)}")
        return self


EVERYTHING: Final = Template(
    title="Everything",
    period_days=36_500,
    sections=tuple(
        Part(kind=kind)
        for kind in ("who", "standing", "alerts", "presence", "factors", "trajectory", "timeline", "disclosed",
                     "relationships", "withheld")
    ),
)  # fmt: skip
"""What the page of a household or a person shows."""


@cache
def of(path: Path | None) -> Template:
    """The template of the settings, read once; the product's own where there is none.

    Raises:
        ConfigError: It cannot be read, or a field is missing, unknown or wrong; the message names file and field.
    """
    return read(path or DEFAULT, Template)
