"""Starts the real components on this machine, from Python packages alone, and stops them by their own process ids.

Two Kafka brokers (the platform's, and the agencies' own, where raw change events with names stay), a
Redis-compatible server, one PostgreSQL server with a database an agency, and Debezium in Kafka Connect. Decides
ports, passwords, settings and order of start; decides nothing about what flows.

    with Stack(work_dir, AGENCIES, TEAMS, "northmere", progress=show) as stack:  # starts all but Connect
        fill_databases(stack.pg_dsn("council"))                                  # the owner makes schema and rows
        stack.start_connect([Connector("council", schemas=("care",)), ...])      # grants, publications, capture
        run(stack.platform_bootstrap, stack.password_file("worker"))
    # every process is gone here, also after an exception

Call by call:

- `Stack(work_dir, agencies, teams, partnership, progress=None, parts=ALL)`; parts is any set of `PLATFORM`, `AGENCY`,
  `REDIS`, `POSTGRES` (Connect needs AGENCY and POSTGRES). Nothing is started or written yet.
- `start()`: the parts in parallel; users, topics and ACLs included; a first transaction warms the coordinators.
- `start_connect(connectors)`: one worker, one connector an agency; returns when each has finished its snapshot
  and streams. Needs the schemas to exist: it makes the publication over their tables, grants and the heartbeat table.
- `platform_bootstrap`, `agency_bootstrap` (`host:port`), `redis_url`, `pg_dsn(agency)` (owner of that database),
  `password(principal)`, `password_file(principal)` (0600), `kafka(principal, side=PLATFORM)` (a confluent-kafka
  client's settings), `log(component)`, `pids()` (component to pid).
- `kill(component)` (SIGKILL) and `restart(component)` on the same port and data, for chaos tests.
- `stop()`: SIGTERM, then SIGKILL after a grace; raises if something is left. A watchdog does the same if this
  process itself is killed.

Every failure is a `StackError` whose text says which component, why and what to do.
"""

from demo.stack.capture import Connector
from demo.stack.processes import StackError
from demo.stack.settings import AGENCY, ALL, PLATFORM, POSTGRES, REDIS
from demo.stack.stack import Stack

__all__ = ["AGENCY", "ALL", "PLATFORM", "POSTGRES", "REDIS", "Connector", "Stack", "StackError"]
