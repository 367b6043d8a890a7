"""What the guide to sharing shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.desk.access import protocols
from bridge.desk.access.policy import Policy
from bridge.desk.accounts import ROLES

GUIDE = (Path(__file__).parents[2] / "docs" / "sharing.md").read_text(encoding="utf-8")


def test_the_protocols_of_the_guide_are_protocols_and_every_field_is_explained() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    found = protocols.parse(example, 2)
    assert Policy(found.protocols).text
    told = GUIDE.partition("| Field | What it decides |")[2].partition("\n\n")[0]
    assert {name for name in protocols.Protocol.model_fields if name != "id"} <= set(re.findall("`([a-z_]+)`", told))


def test_every_role_is_explained() -> None:
    told = GUIDE.partition("| Role |")[2].partition("\n\n")[0]
    assert set(ROLES) <= set(re.findall("`([a-z_]+)`", told))
