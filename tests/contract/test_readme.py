"""The README's picture is the map's own print, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import cli
from schemas import picture

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_picture_is_what_topology_prints() -> None:
    block = re.search(r"```mermaid\n(.*?)\n```", README, re.S)
    assert block is not None, "the README shows the map"
    assert block.group(1) == picture.mermaid()


def test_every_sightline_command_named_exists() -> None:
    named = set(re.findall(r"`?sightline ([a-z]+)", README))
    assert named, "the README names commands"
    assert named <= set(cli.COMMANDS)


def test_help_names_every_command() -> None:
    assert all(name in cli.usage() for name in cli.COMMANDS)
