"""A busy desk: 500 alerts in the inbox, 50 open inboxes, 20 requests a second, and alerts that keep coming.

    python -m benchmarks.desk              # BENCH_QUICK=1 stays under a minute

A real broker, a real Redis-compatible server, the desk as its own process on a real store, and a real Chromium. Each
of 50 users keeps an inbox open as a browser does: an event stream, and the rows fetched anew when it says so. Beside
them 20 pages a second are asked for. `alert_to_screen` is from a committed alert on the team's topic to the rows that
hold it, at each of the 50; `first_paint` is Chromium's first contentful paint of the inbox under all of it. Clients
share the machine's two cores with what they measure. The last line is JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import confluent_kafka as ck
import httpx
from playwright.async_api import async_playwright

from bridge import keys
from bridge.desk.accounts import Account, hash_password, write
from bridge.store import Store
from demo.stack import PLATFORM, Stack
from schemas import codec
from tests.unit.bridge.desk.support import APPROVERS, OPEN, alert, sign_protocols, token, valkey

QUICK = os.environ.get("BENCH_QUICK") == "1"
ALERTS, INBOXES, RATE = 500, 50, 20.0
SECONDS = 15.0 if QUICK else 60.0
EVERY_S = 2.0  # an alert each
PAINTS = 3 if QUICK else 9
WAIT_S = 10.0  # an alert that is not on a screen by then is lost
RECORDS = 2 * ALERTS  # own records, two a household
PASSWORD = "of the benchmark alone"
CHROMIUM = next(
    (path for name in ("chromium-headless-shell", "chromium", "google-chrome") if (path := shutil.which(name))), None
)
GOALS = {"first_paint_ms": 1_000, "p99_ms": 300, "alert_to_screen_ms_p99": 2_000}


def settings(folder: Path, stack: Stack, memory: str) -> Path:
    """A desk's files: keys, store with names, accounts, protocols, settings."""
    keys.make_partnership(folder / "keys", "northmere", ("council", "police"), ("one", "two"))
    store = Store(folder / "store.sqlite", keys.AgencyKeys.load(folder / "keys" / "council").agency_key)
    with store.batch():
        for number in range(RECORDS):
            person = {
                "given": f"Given{number}",
                "surname": f"Surname{number}",
                "dob": "2015-01-02",
                "key": [f"P{number}"],
            }
            store.set_named(_record(number), b"", person)
            store.set_profile(_record(number), {"allocation": "mash", "restricted": False})
    store.close()
    hashed = hash_password(PASSWORD)
    write(folder / "accounts.json", [
        Account(f"u-{number}", f"user{number}", f"User {number}", hashed, ("mash",), (), ("rung-4",))
        for number in range(INBOXES + 1)
    ])  # fmt: skip
    sign_protocols(folder / "protocols.json", OPEN)

    def kafka(principal: str) -> dict[str, str]:
        password_file = str(stack.password_file(principal))
        return {"bootstrap": stack.platform_bootstrap, "username": principal, "password_file": password_file}

    config = {
        "partnership": "northmere", "agency": "council", "kafka": kafka("desk-council"),
        "teams": {"mash": {"name": "Front door", "kafka": kafka("team-mash")}}, "redis_url": memory,
        "agencies": {name: {"name": name.title(), "kind": kind} for name, kind in
                     (("council", "social_care"), ("police", "police"), ("schools", "education"))},
        "keys": "keys/council", "store": "store.sqlite", "accounts": "accounts.json", "protocols": "protocols.json",
        "approvers": {name: public.hex() for name, (_, public) in APPROVERS.items()}, "records": "desk.sqlite",
        "audit": "audit.jsonl", "secret_file": "secret", "https": False,
    }  # fmt: skip
    path = folder / "desk.json"
    path.write_text(json.dumps(config))
    return path


def _record(number: int) -> bytes:
    return f"record-{number:05}-of-the-council".encode()


class Publisher:
    """Puts alerts on the team's topic as the platform's publisher does: committed one by one."""

    def __init__(self, stack: Stack) -> None:
        self._producer = ck.Producer({**stack.kafka("publisher"), "transactional.id": "publisher.bench"})
        self._producer.init_transactions(30)
        self._count = 0
        self._last_due_at = int(time.time() * 1000) + 24 * 3600 * 1000  # each is more urgent than those before it

    def send(self, count: int) -> list[tuple[str, float]]:
        """Alerts in one transaction: (id, wall seconds when it was committed)."""
        ids = []
        self._producer.begin_transaction()
        for _ in range(count):
            number, self._count = self._count, self._count + 1
            ids.append(secrets.token_hex(16))
            now = int(time.time() * 1000)
            records = [_record(2 * number % RECORDS), _record((2 * number + 1) % RECORDS)]
            due = self._last_due_at - 1000 * number
            made = alert(ids[-1], records=records, raised_at=now, changed_at=now, respond_by_at=due)
            self._producer.produce("alerts-mash", codec.encode("alert", made), key=ids[-1].encode())
        self._producer.commit_transaction(30)
        return [(one, time.time()) for one in ids]


class Inbox:
    """One user's open inbox: a stream, and rows fetched when it says that something changed."""

    def __init__(self, address: str, login: str) -> None:
        kept = aiohttp.TCPConnector(keepalive_timeout=2)  # the desk closes what is idle for 5 s: not just then
        self.http = aiohttp.ClientSession(address, connector=kept, cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.login = login
        self.seen: dict[str, float] = {}
        self.latencies: list[float] = []

    async def open(self) -> None:
        """Sign in and load the page."""
        form = token((await self.get("/sign-in"))[1])
        async with self.http.post(
            "/sign-in", data={"login": self.login, "password": PASSWORD, "csrf": form}
        ) as answer:
            page = await answer.text()
        if answer.status != 200 or "/stream?after=" not in page:
            raise RuntimeError(f"{self.login}: {answer.status}")
        self.after = page.split("/stream?after=")[1].split('"')[0]

    async def follow(self) -> None:
        """Keep it open; what comes while rows are fetched is fetched once more afterwards."""
        changed = asyncio.Event()
        whole = aiohttp.ClientTimeout(total=None)
        async with (
            asyncio.TaskGroup() as both,
            self.http.get(f"/inbox/mash/stream?after={self.after}", timeout=whole) as stream,
        ):
            both.create_task(self._fetch(changed))
            async for line in stream.content:
                if line.startswith(b"event: changed"):
                    changed.set()
            raise RuntimeError("the desk ended a stream")

    async def _fetch(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            spent, page = await self.get("/inbox/mash/rows")
            self.latencies.append(spent)
            now = time.time()
            for part in page.split('id="alert-')[1:]:
                self.seen.setdefault(part[:32], now)

    async def get(self, path: str) -> tuple[float, str]:
        """Seconds that a page took, and the page."""
        began = time.perf_counter()
        async with self.http.get(path) as answer:
            page = await answer.text()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return time.perf_counter() - began, page


async def requests(inboxes: list[Inbox], alerts: list[str], until: float) -> list[float]:
    """Pages at a steady rate, by all users in turn; seconds each."""
    found: list[float] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(number: int) -> None:
        inbox = inboxes[number % len(inboxes)]
        paths = ("/inbox/mash", f"/alerts/{alerts[number * 7 % len(alerts)]}", "/presence/mash", "/inbox/mash/status")
        found.append((await inbox.get(paths[number % len(paths)]))[0])

    number, began = 0, time.perf_counter()
    while time.time() < until:
        task = asyncio.create_task(one(number))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        number += 1
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
    await asyncio.gather(*waiting)
    return found


async def paints(address: str, login: str, until: float) -> list[float]:
    """First contentful paint of the inbox in Chromium, ms each."""
    found: list[float] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(address)
        await page.get_by_label("User name").fill(login)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/inbox/mash")
        while len(found) < PAINTS and time.time() < until:
            await page.goto(f"{address}/inbox/mash")
            found.append(await page.evaluate(
                "new Promise(done => new PerformanceObserver(seen => {"
                " const paint = seen.getEntriesByName('first-contentful-paint')[0]; if (paint) done(paint.startTime);"
                " }).observe({type: 'paint', buffered: true}))"
            ))  # fmt: skip
            await asyncio.sleep(1)
        await browser.close()
    return found


async def measure(address: str, publisher: Publisher) -> dict[str, Any]:
    """Everything at once, for a while."""
    filled = [one for one, _ in await asyncio.to_thread(publisher.send, ALERTS)]
    inboxes = [Inbox(address, f"user{number}") for number in range(INBOXES)]
    for inbox in inboxes:
        await inbox.open()
    following = [asyncio.create_task(inbox.follow()) for inbox in inboxes]
    await asyncio.sleep(3)  # the 500 are read, every stream is open
    until = time.time() + SECONDS
    asked = asyncio.create_task(requests(inboxes, filled, until))
    painted = asyncio.create_task(paints(address, f"user{INBOXES}", until))
    sent: list[tuple[str, float]] = []
    while time.time() < until:
        sent += await asyncio.to_thread(publisher.send, 1)
        await asyncio.sleep(EVERY_S)
    latencies, first = await asked, await painted
    await asyncio.sleep(WAIT_S)
    for task in following:
        if task.done():
            task.result()  # it fell over: say why
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    screens = [inbox.seen[one] - at for inbox in inboxes for one, at in sent if one in inbox.seen]
    for inbox in inboxes:
        await inbox.http.close()
    return {
        "first_paint_ms": round(statistics.median(first)), "first_paint_ms_max": round(max(first)),
        "p50_ms": _ms(latencies, 0.5), "p99_ms": _ms(latencies, 0.99), "requests": len(latencies),
        "rows_p99_ms": _ms([one for inbox in inboxes for one in inbox.latencies], 0.99),
        "alert_to_screen_ms_p50": _ms(screens, 0.5), "alert_to_screen_ms_p99": _ms(screens, 0.99),
        "screens": len(screens), "lost": INBOXES * len(sent) - len(screens),
    }  # fmt: skip


def _ms(seconds: list[float], share: float) -> int:
    return round(1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))])


def main() -> int:
    """Run and print; 1 where an alert did not reach a screen."""
    if CHROMIUM is None:
        print("benchmarks.desk: no Chromium: apt-get install chromium-headless-shell", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, valkey() as memory:
        with Stack(Path(folder) / "stack", ("council",), ("mash",), "northmere", parts={PLATFORM}) as stack:
            config = settings(Path(folder), stack, memory)
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            command = [sys.executable, "-m", "cli", "desk", "--config", str(config), "--port", str(port)]
            desk = subprocess.Popen(command)
            try:
                address = f"http://127.0.0.1:{port}"
                _wait(address, desk)
                found = asyncio.run(measure(address, Publisher(stack)))
            finally:
                desk.send_signal(signal.SIGTERM)
                desk.wait(timeout=30)
    for name, value in found.items():
        goal = f"  goal {GOALS[name]}" if name in GOALS else ""
        print(f"{name:28}{value:>10}{goal}")
    print(json.dumps({"benchmark": "desk", "alerts": ALERTS, "inboxes": INBOXES, "rate": RATE, **found}))
    return 0 if found["lost"] == 0 else 1


def _wait(address: str, desk: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while desk.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the desk does not serve")


if __name__ == "__main__":
    sys.exit(main())
