"""One small world for all tests of it, and one of full size for its rates."""

import pytest

from demo.world import World


@pytest.fixture(scope="session")
def small():
    return World(seed=3, families=300)


@pytest.fixture(scope="session")
def full():
    return World(seed=7)


@pytest.fixture(scope="session")
def truth(full):
    return full.truth()
