"""Fills the cache once a machine: Java, jars, templates, and archives from which Java starts three times faster."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import psycopg

from demo.stack.capture import Connector
from demo.stack.kit import Progress, built, ensure
from demo.stack.stack import Stack

AGENCY_ID, SCHEMA = "training", "care"
ROWS = 200  # enough for the snapshot and streaming classes to be loaded


def prepare(progress: Progress) -> None:
    """Have everything in the cache that a start could want.

    Raises:
        StackError: If something cannot be had.
    """
    kit = ensure(progress)
    if not kit.archives.exists():
        progress("java", "one training run, so that later starts are fast")
    built(kit.archives.name, lambda folder: _train(folder, progress))


def _train(folder: Path, progress: Progress) -> None:
    """Start all, capture a table, stop: the programs write their archives into `folder` as they end."""
    work = Path(tempfile.mkdtemp(prefix="sightline-training-"))
    try:
        with Stack(work, (AGENCY_ID,), ("training",), "training", progress, train=folder) as stack:
            with psycopg.connect(stack.pg_dsn(AGENCY_ID), autocommit=True) as database:
                database.execute(f"CREATE SCHEMA {SCHEMA}")
                database.execute(f"CREATE TABLE {SCHEMA}.person (id int PRIMARY KEY, seen_on date, note text)")
                numbers = "generate_series(%s::int, %s::int) AS number"
                insert = f"INSERT INTO {SCHEMA}.person SELECT number, current_date, 'x' FROM {numbers}"
                database.execute(insert, (1, ROWS))
                stack.start_connect([Connector(AGENCY_ID, (SCHEMA,))])
                database.execute(insert, (ROWS + 1, 2 * ROWS))
            progress("java", "writing the archives")
    finally:
        shutil.rmtree(work, ignore_errors=True)
