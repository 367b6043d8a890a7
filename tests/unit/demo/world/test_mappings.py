"""The five mapping files fit the five databases: every column has a place, every kind of event its factors."""

from pathlib import Path

import pytest

import demo.world
from bridge.mapping import load
from demo.world.book import ddl, shapes
from demo.world.kinds import KINDS
from demo.world.world import AGENCIES

FOLDER = Path(demo.world.__file__).with_name("mappings")


def _source(agency):
    (source,) = load(FOLDER / f"{agency}.yaml").sources.values()
    return source


@pytest.mark.parametrize("agency", AGENCIES)
def test_every_table_and_column_has_a_place(agency):
    source = _source(agency)
    for table, shape in shapes(ddl(agency)).items():
        if table in source.ignored_tables or table == source.heartbeat.table:
            continue
        assert set(source.tables[table].columns) == set(shape.columns)
        assert source.tables[table].key == shape.key


def test_coded_events_mean_what_the_world_means():
    """Kind and factor of each local code agree with the table that rates and rules come from."""
    found = {}
    for agency in AGENCIES:
        for event in _source(agency).events.values():
            kinds = event.kind if isinstance(event.kind, str) else event.kind.codes
            for factor in event.factors:
                if isinstance(kinds, str):
                    found[kinds] = (factor.family, factor.severity)
                else:
                    found |= {kinds[c]: (f.family, f.severity) for c, f in factor.codes.items()}
    assert found == {kind.name: (kind.family, kind.severity) for kind in KINDS}
