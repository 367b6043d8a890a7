"""What every component is given: where its files go, who guards it, how passwords are had."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path

from demo.stack.kit import Kit
from demo.stack.processes import Watchdog

PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Site:
    """One run's surroundings.

    Fields:
        work_dir: For settings, data, `secrets/` and `logs/`.
        kit: Java, jars and warm-start archives.
        watchdog: Is told every pid.
        train: Write warm-start archives when stopping.
    """

    work_dir: Path
    kit: Kit
    watchdog: Watchdog
    train: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def folder(self, name: str) -> Path:
        """A component's own folder, made if missing."""
        folder = self.work_dir / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def log(self, component: str) -> Path:
        """A component's log file."""
        return self.folder("logs") / f"{component}.log"

    def password(self, name: str) -> str:
        """A user's or database role's password; made when first asked for."""
        return self.password_file(name).read_text()

    def password_file(self, name: str) -> Path:
        """The file (0600) that holds it."""
        path = self.folder("secrets") / name
        with self._lock:
            if not path.exists():
                write_private(path, secrets.token_urlsafe(PASSWORD_BYTES))
        return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only we may read."""
    path.touch(mode=0o600)
    path.write_text(text)
