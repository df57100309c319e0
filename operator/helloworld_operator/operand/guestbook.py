"""The guest book: entries and a counter of visits in one SQLite file.

An entry is on the disk before its writer is answered: SQLite syncs its journal and the file at each
commit (synchronous=FULL; with journal_mode=TRUNCATE the end of the journal is synced, too). Visits
are counted in memory and written once a second at most: a lost one is no harm, and a greeting shall
not wait for a disk. No write-ahead log, as its shared memory does not work on network file systems.

One process at a time writes. HTTP is `operand.handler`'s.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from kopfkit.errors import KopfkitError

FILE: Final = "guestbook.db"
# SQLite's application_id ("HWGB"): a file that is some other program's is not touched.
APPLICATION: Final = 0x48574742
# The format we write, and the newest we understand. A version of the operator may read what the one
# before wrote, and must write what the one before understands: it can be rolled back.
FORMAT: Final = 1
# Milliseconds that SQLite waits for a lock of another process (a pod that is just ending).
_BUSY: Final = 5000
# Pages per step of a copy (4 MiB): between two steps, writers get their turn.
_PAGES: Final = 1024

_SCHEMA: Final = """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        name TEXT NOT NULL,
        message TEXT NOT NULL
    ) STRICT;
    CREATE TABLE visits (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL) STRICT;
    INSERT INTO visits VALUES (1, 0);
"""


class Full(Exception):
    """The volume has no room for another entry."""


@dataclass(frozen=True)
class Entry:
    """One entry; `at` is RFC 3339 in UTC."""

    id: int
    at: str
    name: str
    message: str


class GuestBook:
    """The guest book in a directory; made there if there is none.

    Args:
        directory: of the volume.

    Raises:
        KopfkitError: the directory cannot be used, or what is in it is not ours to understand.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        # One connection: SQLite carries what is written through it into a copy that is under way.
        self._lock = threading.RLock()
        self._unwritten = 0
        try:
            self._db = sqlite3.connect(
                self.path, timeout=_BUSY / 1000, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        try:
            self._open()
            self._visits = int(self._one("SELECT count FROM visits"))
        except sqlite3.Error as error:
            self._db.close()
            raise _unusable(self.path, error) from error
        except KopfkitError:
            self._db.close()
            raise

    def _open(self) -> None:
        application, found = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
        empty = not self._one("SELECT count(*) FROM sqlite_schema")
        if not empty and application != APPLICATION:
            raise KopfkitError(
                str(self.path), "is not a guest book", "give the HelloWorld a volume of its own."
            )
        if found > FORMAT:
            raise KopfkitError(
                str(self.path),
                f"has format {found}, and this version understands up to {FORMAT}: the data is "
                "newer than the program",
                "run the image that wrote it (or a newer one), or restore an older snapshot in a "
                "new HelloWorld.",
            )
        self._db.execute("PRAGMA journal_mode=TRUNCATE")
        self._db.execute("PRAGMA synchronous=FULL")
        if empty:
            # executescript would commit in between; a killed process leaves all or nothing.
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id={APPLICATION}")
                self._db.execute(f"PRAGMA user_version={FORMAT}")

    @property
    def visits(self) -> int:
        """Visits so far."""
        return self._visits

    def visit(self) -> int:
        """Count a visit; the number it has."""
        with self._lock:
            self._visits += 1
            self._unwritten += 1
            return self._visits

    def add(self, name: str, message: str) -> Entry:
        """Write an entry; it is on the disk when this returns.

        Raises:
            Full: there is no room for it.
            sqlite3.Error: the disk does not work.
        """
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._lock, self._transaction():
            row = self._db.execute(
                "INSERT INTO entries (at, name, message) VALUES (?, ?, ?)", (at, name, message)
            ).lastrowid
        return Entry(row or 0, at, name, message)

    def entries(self, limit: int, before: int | None = None) -> list[Entry]:
        """The newest entries, the newest first: at most `limit`, with an id below `before`."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, at, name, message FROM entries WHERE ?1 IS NULL OR id < ?1 "
                "ORDER BY id DESC LIMIT ?2",
                (before, limit),
            ).fetchall()
        return [Entry(*row) for row in rows]

    def __len__(self) -> int:
        with self._lock:
            return int(self._one("SELECT count(*) FROM entries"))

    def flush(self) -> None:
        """Write the counter of visits, if it has changed. A full disk keeps it in memory."""
        with self._lock:
            if not self._unwritten:
                return
            try:
                with self._transaction():
                    self._db.execute("UPDATE visits SET count = ?", (self._visits,))
                self._unwritten = 0
            except Full:
                pass

    def copy(self, target: Path) -> None:
        """Make a consistent copy while entries go on being written (SQLite's online backup).

        Raises:
            OSError, sqlite3.Error: there is no room for it.
        """
        self.flush()
        copy = sqlite3.connect(target)
        try:
            # Between two commits at every step: a writer's open transaction makes it wait.
            self._db.backup(copy, pages=_PAGES, sleep=0.01)
        finally:
            copy.close()

    def close(self) -> None:
        """Write what is left and close the file."""
        with self._lock:
            try:
                self.flush()
            finally:
                self._db.close()

    def _one(self, query: str) -> Any:
        return self._db.execute(query).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
                raise Full(str(self.path)) from error
            raise


def inspect(path: Path) -> int:
    """Check a copy in every page; how many entries it has.

    Raises:
        KopfkitError: it is damaged, or not a guest book.
    """
    try:
        # immutable: nothing else writes it, and its directory may be read-only.
        database = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        try:
            found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise KopfkitError(str(path), f"is damaged: {found}", "take another snapshot.")
            if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                raise KopfkitError(str(path), "is not a guest book", "take another snapshot.")
            entries = database.execute("SELECT count(*) FROM entries").fetchone()[0]
        finally:
            database.close()
    except sqlite3.Error as error:
        raise KopfkitError(str(path), f"is damaged: {error}", "take another snapshot.") from error
    return int(entries)


def _unusable(path: Path, error: sqlite3.Error) -> KopfkitError:
    return KopfkitError(
        str(path),
        f"cannot be used ({error})",
        "the volume must be writable by the pod's user and have room; a damaged file can be "
        "replaced by restoring a snapshot in a new HelloWorld.",
    )
