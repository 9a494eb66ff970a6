"""Pipes with a writer; all data has been read when the block ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def named_pipe(folder: Path, content: bytes) -> Iterator[Path]:
    """Open a pipe in a folder, as `mkfifo` makes it."""
    path = folder / "rows.pipe"
    os.mkfifo(path)
    with _writer(path, content):
        yield path


@contextmanager
def anonymous_pipe(content: bytes) -> Iterator[Path]:
    """Open a pipe in this process, like that of `<(zcat rows.gz)`."""
    reading, writing = os.pipe()
    try:
        with _writer(writing, content):
            yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)


@contextmanager
def _writer(place: Path | int, content: bytes) -> Iterator[None]:
    failures: list[OSError] = []

    def write() -> None:
        try:
            with open(place, "wb") as pipe:
                pipe.write(content)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive(), "the pipe was not read to its end"
    assert failures == []
