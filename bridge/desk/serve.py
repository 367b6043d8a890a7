"""`sightline desk`: opens what the desk needs, serves its pages, closes all of it at the end.

Decides the order of opening and closing, and what a start that fails says. The pages are in app.py.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import redis
import redis.asyncio
import uvicorn
from starlette.applications import Starlette

from bridge import logs
from bridge.clock import PartnershipClock, wall_ms
from bridge.config import ConfigError
from bridge.desk import audit as audits
from bridge.desk import config as configs
from bridge.desk import live
from bridge.desk.access.book import Book
from bridge.desk.access.protocols import Signed
from bridge.desk.access.records import Records
from bridge.desk.accounts import Accounts
from bridge.desk.app import build
from bridge.desk.cases import template
from bridge.desk.desk import Desk
from bridge.desk.duty.deeds import Deed, done
from bridge.desk.exchange import open as exchanges
from bridge.desk.exchange.decide import Agreed
from bridge.desk.exchange.feed import of_exchange
from bridge.desk.feed import Feed, KafkaFeed, of_agency, of_team
from bridge.desk.inbox import Reader
from bridge.desk.lookup.seek import PlatformSeeker
from bridge.desk.names import Names, StorePeople
from bridge.desk.oidc import Provider
from bridge.desk.oversight.controls_kafka import KafkaGovernor
from bridge.desk.oversight.controls_keys import ApproverKeys, Governance
from bridge.desk.respond import KafkaResponder
from bridge.desk.send import Sender
from bridge.desk.sessions import Sessions, secret
from bridge.desk.writer import Writer
from bridge.keyfiles import KeyFault
from bridge.keys import AgencyKeys


def application(config: configs.Config) -> Starlette:
    """The desk of one agency, ready to serve; its feeds start and stop with it.

    Raises:
        ConfigError, AuditDown, KeyFault, OSError: Something it needs cannot be had; the message says what.
    """
    template.of(config.summary_template)  # a wrong one is told now, not at the first summary
    connection = live.connected(config.redis_url)
    accounts = Accounts(config.accounts)
    audit = audits.Audit(config.audit, wall_ms)
    sessions = Sessions(
        connection, config.agency, secret(config.secret_file), wall_ms, config.idle_s, config.session_s
    )  # fmt: skip
    now = PartnershipClock(config.clock) if config.clock is not None else wall_ms
    records = Records(config.records, AgencyKeys.load(config.keys).agency_key, wall_ms)
    book = Book(Signed(config.protocols, config.partnership, config.approvers))
    exchange = None
    if config.exchange is not None:
        agreed = Agreed(config.agency, lambda: book.protocols().disclosures)
        exchange = exchanges.opened(config, config.exchange, audit, agreed, (now, wall_ms))
    desk = Desk(
        config=config,
        accounts=accounts,
        book=book,
        records=records,
        sessions=sessions,
        inbox=Reader(connection, config.agency),
        names=Names(StorePeople(config.store, config.keys), audit),
        audit=audit,
        responder=KafkaResponder(config),
        now=now,
        wall=wall_ms,
        exchange=exchange,
        provider=provider(config, connection),
        governance=governance(config),
        seeker=PlatformSeeker(partial(AgencyKeys.load, config.keys), config.profile, Sender(config.kafka)),
    )
    writer = Writer(redis.Redis.from_url(config.redis_url), config.agency)
    recall = partial(remember, writer, config)
    sources = [*(of_team(config, team) for team in config.teams), of_agency(config)]
    feeds: list[Feed] = [KafkaFeed(source, writer, recall) for source in sources]
    if exchange is not None:
        feeds.append(KafkaFeed(of_exchange(config, exchange.partners), exchange.taker))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for feed in feeds:
            feed.start()
        try:
            yield
        finally:
            for feed in feeds:
                feed.stop()
            await connection.aclose()
            if exchange is not None:
                exchange.close()
            records.close()
            audit.close()

    return build(desk, lifespan)


def provider(config: configs.Config, connection: redis.asyncio.Redis) -> Provider | None:
    """The agency's identity provider, where the settings name one; it is first asked when somebody signs in."""
    if config.oidc is None:
        return None
    secret_ = config.oidc.client_secret_file.read_text(encoding="utf-8").strip()
    return Provider(config.oidc, secret_, connection, config.agency, wall_ms)


def governance(config: configs.Config) -> Governance | None:
    """What controls are changed with, where the settings name it.

    Raises:
        KeyFault: An approver's key cannot be used.
    """
    if config.governance is None:
        return None
    keys = ApproverKeys(config.governance.approver_keys, config.approvers)
    return Governance(keys, KafkaGovernor(config.governance.kafka))


def remember(writer: Writer, config: configs.Config) -> None:
    """Put back what people did, from the audit: a lost Redis forgets nothing that a person decided."""
    found: dict[str, list[Deed]] = {}
    for team, deed in done(audits.entries(config.audit)):
        found.setdefault(team, []).append(deed)
    for team in config.teams:
        writer.redo(team, found.get(team, ()))


def _stopped(*_: object) -> None:
    raise SystemExit(0)


def main(argv: list[str]) -> int:
    """Serve the desk until SIGTERM.

    Returns:
        0 after a clean stop, 2 where the settings cannot be used or something the desk needs cannot be had.
    """
    parser = argparse.ArgumentParser(prog="sightline desk", description="The page an agency serves to its own staff.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings, YAML or JSON")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8443, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--metrics-port", type=int, default=0, metavar="N", help="taken like every process; no metrics yet"
    )
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain, PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="private key, PEM")
    args = parser.parse_args(argv)
    logs.setup()
    signal.signal(signal.SIGTERM, _stopped)  # uvicorn stops on it, and then raises it again for us
    try:
        config = configs.load(args.config)
        app = application(config)
    except (ConfigError, KeyFault, audits.AuditDown, OSError, redis.RedisError) as error:
        sys.stderr.write(f"sightline desk: {error}\n")
        return 2
    uvicorn.run(
        app, host=args.host, port=args.port, access_log=False, log_config=None, server_header=False,
        timeout_graceful_shutdown=3, proxy_headers=bool(config.proxies), forwarded_allow_ips=list(config.proxies),
        ssl_certfile=args.tls_cert, ssl_keyfile=args.tls_key,
    )  # fmt: skip
    return 0
