"""A sweep of tuning values for the embedded model: starter.py for each variant, compared row by row with the first.

    python tests/benchmarks/sweep.py tests/benchmarks/sweeps/prompt_tuning.toml --records FOLDER --jobs 2 -- \
        --complaints FILE --only complaints --seeds 2 --dtype bfloat16

The file has a table per variant with the tuning values that replace those of the recipe; an empty table is the recipe
itself. Arguments after `--` are passed to starter.py. Variants with records in the folder are not run again, so a sweep
can be stopped and extended.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from paired import METRICS, compare
from records import Answer, read_records

_STARTER: Final = Path(__file__).parent / "starter.py"
_SHOWN_ON_FAILURE: Final = 2000
"""Characters."""


def run(name: str, *, variants: Mapping[str, Mapping[str, Any]], folder: Path, jobs: int, rest: Sequence[str]) -> str:
    """Tune and measure one variant; return its name.

    Raises:
        RuntimeError: starter.py failed; the message contains the end of its output.
    """
    file, unfinished = folder / f"{name}.jsonl", folder / f"{name}.unfinished"
    if file.is_file():
        return name
    unfinished.unlink(missing_ok=True)
    values = [part for key, value in variants[name].items() for part in ("--set", f"{key}={json.dumps(value)}")]
    command = [sys.executable, str(_STARTER), "--tuned-only", "--records", str(unfinished), *values, *rest]
    threads = max(1, (os.cpu_count() or 1) // jobs)
    ended = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{name} failed:\n{(ended.stdout + ended.stderr)[-_SHOWN_ON_FAILURE:]}")
    unfinished.rename(file)
    return name


def show(name: str, reference: str, folder: Path) -> None:
    """Print a line per benchmark and metric: the variant's figure and its difference from the reference."""
    ours, others = (_by_benchmark(folder / f"{who}.jsonl") for who in (name, reference))
    for benchmark in sorted(set(ours) & set(others)):
        for metric, score in METRICS[ours[benchmark][0].metric].items():
            _, figure, low, high, better = compare(others[benchmark], ours[benchmark], score)
            print(
                f"{name:24} {benchmark:14} {metric:12} {figure:.3f}   difference [{low:+.3f}, {high:+.3f}], "
                f"better in {better:.1%}",
                flush=True,
            )


def _by_benchmark(file: Path) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in read_records(file):
        found.setdefault(answer.benchmark, []).append(answer)
    return found


def main() -> None:
    """Run all variants, several at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", type=Path, help="a TOML file; its first table is the reference")
    parser.add_argument("--records", type=Path, required=True, help="folder for the answers of each variant")
    parser.add_argument("--jobs", type=int, default=1, help="variants at a time")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    arguments, rest = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1 :]
    variants = tomllib.loads(arguments.variants.read_text(encoding="utf-8"))
    arguments.records.mkdir(parents=True, exist_ok=True)
    work = partial(run, variants=variants, folder=arguments.records, jobs=arguments.jobs, rest=rest)
    reference = next(iter(variants))
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for name in pool.map(work, variants):
            show(name, reference, arguments.records)


if __name__ == "__main__":
    main()
