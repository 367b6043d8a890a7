"""One partnership of two agencies for all tests of step: making its keys costs more than most tests."""

from __future__ import annotations

import pytest

from tests.smalltown import Smalltown


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")
