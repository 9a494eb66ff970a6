"""How many mislabelled rows a run finds: some rows get the answer of another row, and the largest losses are looked at.

    python tests/benchmarks/mislabelled.py FILE --seeds 3 [--share 0.05] [--tuning-type ia3] [--set num_epochs=10]

The seed chooses the rows, their new answers, and everything in the run. Rows are ranked as the service reports them,
and by their loss and their loss per token under the tuned model, after the refit and before it. The figures are the
numbers of swapped rows among the first as many and twice as many rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from cross_validation import Setup, Tuner, read_file

from foreword.domain.dataset import Row
from foreword.evaluation.perplexity import answer_nats
from foreword.evaluation.suspects import find_suspect_rows
from foreword.plugin.manager import PluginManager
from foreword.tuning.batches import encode_rows


def swapped(rows: Sequence[Row], share: float, seed: int) -> tuple[list[Row], set[int]]:
    """Return rows of which a share has the answer of another row, and the numbers of these rows."""
    generator = random.Random(seed)
    changed = list(rows)
    places = generator.sample(range(len(rows)), round(len(rows) * share))
    for place in places:
        others = [row.output for row in rows if set(row.output.split(", ")) != set(rows[place].output.split(", "))]
        changed[place] = replace(rows[place], output=generator.choice(others))
    return changed, {rows[place].number for place in places}


def measure(tuner: Tuner, setup: Setup, rows: Sequence[Row], share: float, seed: int) -> dict[str, tuple[int, int]]:
    """Tune on rows with swapped answers, and return how many of them each ranking finds."""
    changed, wanted = swapped(rows, share, seed)
    tuning, plan = tuner.finished(setup, changed, seed)
    result, task, method = tuning.result(), tuner.task(setup.task), tuner.method(setup.tuning_type)
    model = tuner.runner.model
    encoded = encode_rows(changed, model=model, task=task, plan=plan, verbalizer=setup.verbalizer)
    started = time.perf_counter()
    reported = find_suspect_rows(
        runner=tuner.runner, task=task, plan=plan, verbalizer=setup.verbalizer,
        datasets={"rows": changed}, contributions=method.contributions(result.artifact),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    rankings = {"reported": [item.row for item in reported.rows]}
    for name, artifact in (("", result.artifact), (" before the refit", result.evaluated)):
        losses = answer_nats(model, encoded, method.contributions(artifact), check=lambda: None)
        per_token = [loss / len(row.target_ids) for loss, row in zip(losses, encoded, strict=True)]
        for kind, values in (("loss", losses), ("loss per token", per_token)):
            order = sorted(range(len(changed)), key=lambda place: -values[place])
            rankings[kind + name] = [changed[place].number for place in order]
    print(f"seed {seed}: {len(wanted)} of {len(rows)} rows swapped; found in {seconds:.1f} s")
    return {
        name: (len(wanted.intersection(found[: len(wanted)])), len(wanted.intersection(found[: 2 * len(wanted)])))
        for name, found in rankings.items()
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--task", default="classification")
    parser.add_argument("--tuning-type", default="prompt_tuning")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.05, help="share of the rows whose answers are swapped")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a tuning parameter")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    plugins = PluginManager.load()
    tuner = Tuner(plugins, plugins.base_model(arguments.model), dtype=arguments.dtype)
    values = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    setup = Setup(task=arguments.task, tuning_type=arguments.tuning_type, values=values)
    rows = read_file(arguments.file)
    runs = [measure(tuner, setup, rows, arguments.share, seed) for seed in range(arguments.seeds)]
    for run in runs:
        print("  ".join(f"{name} {first}/{twice}" for name, (first, twice) in run.items()))
    print("mean over seeds:")
    for name in runs[0]:
        first, twice = (fmean(run[name][place] for run in runs) for place in (0, 1))
        print(f"    {name:32} {first:5.1f} among the first, {twice:5.1f} among twice as many")


if __name__ == "__main__":
    main()
