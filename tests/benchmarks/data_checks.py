"""The speed and the memory of the checks of a data file in one process.

    python tests/benchmarks/data_checks.py [--megabytes 200] [--formats jsonl json csv] [--kind labelled]

Every format holds the same rows. The checks are those of `foreword data check` with the built-in plugins and without a
base model, except for nearly equal rows. Speed is stated as a ratio to `json.loads` of the same rows as JSON lines in
the same run; memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).parents[1])
)  # the benchmark of the service, which writes the same files, needs it

from checks import KINDS, write_file

from foreword.data.start import start_checker
from foreword.domain.experiment import TaskOptions
from foreword.plugin.manager import PluginManager

_CHUNK_BYTES = 256 * 1024
_PLUGINS = ("foreword:tasks", "foreword:validators")


def write_format(source: Path, target: Path, format: str) -> None:
    """Write the rows of JSON lines in another format."""
    if format == "json":
        with source.open() as rows, target.open("w") as file:
            for place, line in enumerate(rows):
                file.write(f"{',' if place else '['}\n  {line.rstrip()}")
            file.write("\n]\n")
    else:
        with source.open() as rows, target.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("input", "output"))
            for line in rows:
                row = json.loads(line)
                writer.writerow((row["input"], row["output"]))


def parse_seconds(path: Path) -> float:
    """Return the processor time of parsing a file line by line."""
    begin = time.process_time()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - begin


def check_seconds(path: Path, plugins: PluginManager) -> float:
    """Return the processor time of the checks of a file."""
    begin = time.process_time()
    checker = start_checker(
        plugins,
        task="",
        options=TaskOptions(),
        format="",
        base_model="",
        max_input_tokens=0,
        max_bytes=2**31,
        counter=lambda model: len,
        near_duplicates=False,
    )
    with closing(checker), io.FileIO(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            checker.feed(chunk)
        report = checker.finish().report
    assert report.usable_row_count == report.row_count
    return time.process_time() - begin


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--kind", default="labelled", choices=list(KINDS))
    parser.add_argument("--formats", nargs="+", default=["jsonl", "json", "csv"], choices=["jsonl", "json", "csv"])
    arguments = parser.parse_args()
    plugins = PluginManager.load(_PLUGINS)
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.jsonl"
        count = write_file(lines, KINDS[arguments.kind], byte_count=arguments.megabytes * 1_000_000)
        parsing = parse_seconds(lines)
        for format in arguments.formats:
            path = lines if format == "jsonl" else Path(folder) / f"rows.{format}"
            if format != "jsonl":
                write_format(lines, path, format)
            seconds = check_seconds(path, plugins)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{arguments.kind}, {format}: {count:,} rows, {path.stat().st_size / 1e6:.0f} MB: {seconds:.1f} s of "
                f"processor time, {seconds / parsing:.1f} x json.loads; {peak:.0f} MiB at the peak",
                flush=True,
            )


if __name__ == "__main__":
    main()
