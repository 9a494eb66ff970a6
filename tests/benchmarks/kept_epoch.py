"""A comparison of rules for the epoch to keep: the last one, or the best one on the held-out rows.

    python tests/benchmarks/kept_epoch.py FILE --folds 3 --seeds 3 [--set num_epochs=20] [--records FOLDER]

Each outer fold is a test set. The run's own split divides the rest, and one run keeps every epoch. Its last epoch,
its best epoch by metric and its best epoch by loss are measured on the test fold. With --refit, the benchmark also
measures tuning on all rows of the outer training set, for all epochs and for the best number of epochs. With --records,
it stores every answer for paired.py, in one file per rule.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from cross_validation import Epoch, Setup, Split, Tuner, make_folds, read_file
from records import Records, answers_of

from foreword.domain.report import SystemEvaluation
from foreword.plugin.manager import PluginManager

METRICS = ("exact_match", "micro_f1")


def choices(epochs: Sequence[Epoch]) -> dict[str, int]:
    """Return the epoch that each rule keeps, from 1."""
    numbers = range(1, len(epochs) + 1)
    return {
        "last": len(epochs),
        "best metric": max(numbers, key=lambda number: (epochs[number - 1].metric, -epochs[number - 1].loss)),
        "best loss": min(numbers, key=lambda number: epochs[number - 1].loss),
    }


def measure(
    tuner: Tuner, setup: Setup, split: Split, seed: int, refits: bool
) -> tuple[dict[str, SystemEvaluation], Mapping[str, int]]:
    """Return the evaluation of each choice on the test rows, and the chosen epochs."""
    fit = Setup(task=setup.task, tuning_type=setup.tuning_type, values={**setup.values, "refit": False})
    epochs = tuner.run_epochs(fit, split, seed)
    chosen = choices(epochs)
    found = {name: epochs[number - 1].evaluate(split.test) for name, number in chosen.items()}
    if refits:
        for name in ("last", "best metric"):
            values: dict[str, Any] = {"validation_split": 0.0, "num_epochs": chosen[name]}
            whole = Setup(task=setup.task, tuning_type=setup.tuning_type, values={**setup.values, **values})
            found[f"refit, {name}"] = tuner.run(whole, split, seed, with_base=False).evaluations[0]
    print(f"fold {split.fold} seed {seed}: epochs kept {chosen}")
    print("    held out:", " ".join(f"{epoch.metric:.3f}/{epoch.loss:.3f}" for epoch in epochs), flush=True)
    return found, chosen


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--task", default="classification")
    parser.add_argument("--tuning-type", default="prompt_tuning")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="to share the runs among processes")
    parser.add_argument("--refit", action="store_true", help="measure the refits as well")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a tuning parameter")
    parser.add_argument("--records", type=Path, default=None, help="folder for every answer, for paired.py")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    plugins = PluginManager.load()
    tuner = Tuner(plugins, plugins.base_model(arguments.model), dtype=arguments.dtype)
    values = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    setup = Setup(task=arguments.task, tuning_type=arguments.tuning_type, values=values)
    collected: dict[str, list[SystemEvaluation]] = defaultdict(list)
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for split in make_folds(read_file(arguments.file), tuner.task(arguments.task), arguments.folds):
            found, _ = measure(tuner, setup, split, seed, arguments.refit)
            for name, evaluation in found.items():
                collected[name].append(evaluation)
                figures = "  ".join(f"{metric} {evaluation.metrics[metric]:.3f}" for metric in METRICS)
                print(f"    {name:20} {figures}", flush=True)
                if arguments.records:
                    arguments.records.mkdir(parents=True, exist_ok=True)
                    records = Records(arguments.records / f"{name.replace(', ', '_').replace(' ', '_')}.jsonl")
                    predictions = [example.prediction for example in evaluation.examples]
                    records.add(answers_of(arguments.file.stem, "labels", "tuned", predictions, split, seed))
    print("mean over runs")
    for name, evaluations in collected.items():
        for metric in METRICS:
            scores = [evaluation.metrics[metric] for evaluation in evaluations]
            spread = f" ±{stdev(scores):.3f}" if len(scores) > 1 else ""
            print(f"    {name:20} {metric:12} {fmean(scores):.3f}{spread}  ({len(scores)} runs)")


if __name__ == "__main__":
    main()
