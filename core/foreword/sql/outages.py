"""Diagnosis of database failures: the cause and the remedy, from the error of SQLite or PostgreSQL."""

from __future__ import annotations

import re
import shlex
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from foreword.errors import UnavailableError

_DETAIL_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A database that cannot be used.

    Attributes:
        place: The file, or the URL without its password.
        problem: The problem, as the end of a sentence about the database.
        remedy: Instructions for the operator.
        detail: The message of SQLite, PostgreSQL or the operating system.
    """

    place: str
    problem: str
    remedy: str
    detail: str

    def error(self) -> UnavailableError:
        """Return the error to raise. Only its operator message contains paths and hosts."""
        return UnavailableError(
            f"The database {self.problem}. Try again; if the problem persists, ask the operator of the service to look "
            "for database_unavailable in its log.",
            reason="DATABASE_UNAVAILABLE",
            operator_message=f"The database {self.place} {self.problem} ({self.detail}). {self.remedy}",
        )


def place_of(url: URL) -> str:
    """Return the name of a database for messages: the path of its file, or its URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql", password=None, query={}).render_as_string()


def outage_of_file(place: str, error: OSError) -> Outage:
    """Return why the file of a database cannot be created or written."""
    return Outage(
        place=place,
        problem="cannot be written",
        remedy="Make the file and its folder writable for the user that runs Foreword, or choose another location for "
        "the database.",
        detail=error.strerror or type(error).__name__,
    )


def find_outage(url: URL, error: DBAPIError | PoolTimeoutError) -> Outage | None:
    """Return why a database failed; None if the statement was wrong and not the database."""
    if isinstance(error, PoolTimeoutError):
        found: tuple[str, str] | None = (
            "is used by too many requests at once",
            "Wait until they are done; if the problem persists, run fewer requests at a time.",
        )
        detail = "no connection became free"
    else:
        detail = " ".join(str(error.orig).split())[:_DETAIL_CHARACTERS]
        found = _of_sqlite(url, error) if url.get_backend_name() == "sqlite" else _of_postgresql(error, detail)
    if found is None:
        return None
    problem, remedy = found
    place = place_of(url)
    return Outage(place=place, problem=problem, remedy=remedy.replace("FILE", shlex.quote(place)), detail=detail)


_SQLITE = {
    sqlite3.SQLITE_NOTADB: (
        "is damaged, or its file is not an SQLite database",
        "Restore the file from a backup, or choose another location for the database.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "Stop Foreword, restore the file from a backup and start again.",
    ),
    sqlite3.SQLITE_FULL: ("cannot grow, as its disk is full", "Free space on the disk that holds the file."),
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written",
        "Check the disk that holds the file, its free space and the limits of the process.",
    ),
    sqlite3.SQLITE_NOMEM: ("has too little memory", "Free memory on this machine."),
    **dict.fromkeys(
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
        (
            "has been locked by another process for too long",
            "Wait for that process or stop it; `fuser FILE` shows the processes that use the file.",
        ),
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH),
        (
            "cannot be written",
            "Make the file and its folder writable for the user that runs Foreword: SQLite also writes to the folder.",
        ),
    ),
}


def _of_sqlite(url: URL, error: DBAPIError) -> tuple[str, str] | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return ("cannot be used", "Start Foreword again.") if isinstance(error, InterfaceError) else None
    primary = code & 0xFF  # the other bits distinguish variants of the error
    if primary == sqlite3.SQLITE_CANTOPEN:
        if not Path(str(url.database)).exists():
            return "is missing", "Put the file back, from a backup if necessary. Foreword then resumes automatically."
        return "cannot be opened", "Check the rights of the file and its folder, and the limit of open files."
    if primary == sqlite3.SQLITE_ERROR and str(error.orig).startswith("no such table"):
        return "does not hold Foreword's tables", "Another file has replaced Foreword's: put the right one back."
    return _SQLITE.get(primary)


_LOGIN = "Correct the user and the password in its URL, or allow the user in pg_hba.conf."

_POSTGRESQL = (
    ("28P01", "password authentication failed|no password supplied", "rejects the user or the password", _LOGIN),
    ("28000", "no pg_hba.conf entry|role .* does not exist|authentication failed", "rejects the user", _LOGIN),
    ("3D000", "database .* does not exist", "does not exist", "Create it with `createdb`, or correct its URL."),
    ("53300", "too many clients|connection slots", "has no connection left", "Raise max_connections of PostgreSQL."),
    ("53100", "No space left", "cannot grow, as its disk is full", "Free space on the disk of PostgreSQL."),
    ("57P03", "starting up|shutting down", "is starting or stopping", "Wait until PostgreSQL accepts connections."),
    ("25006", "read-only transaction", "cannot be written", "Name the primary server in the URL, not a standby."),
    ("42501", "permission denied", "denies the user a permission", "Grant the user all privileges on its schema."),
    ("", "resolve host|translate host", "cannot be reached, as its host is unknown", "Correct the host in its URL."),
)
"""SQLSTATE, words in the message (a failed connection has no SQLSTATE), problem and remedy."""


def _of_postgresql(error: DBAPIError, detail: str) -> tuple[str, str] | None:
    state = getattr(error.orig, "sqlstate", None)
    connection_failed = isinstance(error, OperationalError | InterfaceError)
    for known, words, problem, remedy in _POSTGRESQL:
        if state == known or (state is None and connection_failed and re.search(words, detail)):
            return problem, remedy
    if connection_failed:
        return "cannot be reached", "Start PostgreSQL, or correct host and port in the database's URL."
    return None
