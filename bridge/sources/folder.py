"""Watches a folder for extracts.

Decides which file is taken when: those that match, in the order of their names, each once. Which were taken is in the
store, within the batch that took the file's last row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from bridge.config import FileSource, TableFiles
from bridge.sources import Change
from bridge.sources.files import Extract, extract_of, read, rows, whole
from bridge.store import Store


class FolderSource:
    """One source's folder.

    Args:
        config: Its settings.
        store: Where it keeps which files were taken.
        wall: Wall time, ms.
    """

    def __init__(self, config: FileSource, store: Store, wall: Callable[[], int]) -> None:
        self.name, self._config, self._store, self._wall = config.name, config, store, wall
        self._looked_ms = 0
        self._reading: Iterator[Change] | None = None
        self._run = ""

    def poll(self, count: int, timeout_s: float, *, live: bool) -> list[Change]:
        """Read on in the file in hand, or look for the next.

        Args:
            count: Changes at most.
            timeout_s: How long to wait where it is not yet time to look: nobody else would rest between two looks.
            live: The source has sent its history.

        Returns:
            Changes; the end of the history last, once every table was read.
        """
        if self._reading is None:
            now_ms = self._wall()
            if now_ms < self._looked_ms + self._config.every_s * 1000:
                time.sleep(timeout_s)
                return []
            found = self._next()
            if found is None:
                self._looked_ms = now_ms
                return [] if live or not self._all_read() else [whole(self.name, now_ms, now_ms)]
            extract, path, files = found
            self._run = extract.run
            self._reading = rows(extract, read(path, files.delimiter, files.encoding))
        changes = list(islice(self._reading, count))
        if len(changes) < count:
            self._reading = None
            if not changes:
                self.commit()  # no row is left in it, and none is on its way: nobody else will note it
        return changes

    def commit(self) -> None:
        """Note a file that was read to its end."""
        if self._reading is None and self._run:
            self._store.set_meta(f"files:{self.name}", [*self._taken(), self._run][-10_000:])
            self._run = ""

    def lag(self) -> int:
        """Files not taken yet."""
        taken = set(self._taken())
        return sum(extract.run not in taken for extract, _, _ in self._files())

    def close(self) -> None:
        """Nothing is held between two looks but the file in hand."""
        self._reading = None

    def _taken(self) -> list[str]:
        return list(self._store.meta(f"files:{self.name}") or ())

    def _files(self) -> Iterator[tuple[Extract, Path, TableFiles]]:
        for files in self._config.files:
            for path in sorted(self._config.folder.glob(files.glob)):
                extract = extract_of(path, self.name, files.table, full=files.full)
                mark = files.deleted
                yield extract._replace(deleted=(mark.column, mark.codes) if mark else None), path, files

    def _next(self) -> tuple[Extract, Path, TableFiles] | None:
        taken = set(self._taken())
        return next((found for found in self._files() if found[0].run not in taken), None)

    def _all_read(self) -> bool:
        """Every table has had a file, and none waits."""
        seen = {files.table for _, _, files in self._files()}
        return self._run == "" and seen == {files.table for files in self._config.files}
