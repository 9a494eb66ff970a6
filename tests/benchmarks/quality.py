"""The quality of tuning: cross-validation over seeds with the service's own plan, runs, recipe and scoring.

    python tests/benchmarks/quality.py FILE --task classification --folds 5 --seeds 3 [--tuning-type ia3]

The benchmark prints each run and the means: exact match, micro F1 and accuracy of the tuned model and of the base
model, zero-shot and three-shot, answering freely and restricted to the label sets. Only the final scoring uses the rows
of a test fold. With --records, it stores every answer for paired.py, which compares two models.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from pathlib import Path
from statistics import fmean, stdev

import torch
from cross_validation import Setup, Split, Tuner, make_folds, read_file
from records import Records, answers_of

from foreword.domain.report import SystemEvaluation
from foreword.plugin.manager import PluginManager

METRICS = ("exact_match", "micro_f1", "accuracy")


def show(evaluation: SystemEvaluation) -> str:
    """Return one line of figures."""
    figures = "  ".join(f"{name} {evaluation.metrics[name]:.3f}" for name in METRICS if name in evaluation.metrics)
    return f"{evaluation.system:30} {figures}  tokens {evaluation.mean_tokens:.0f}"


def show_means(collected: dict[str, list[SystemEvaluation]]) -> None:
    """Print the means over runs, with their spread."""
    print("mean over runs")
    for system, evaluations in collected.items():
        figures = []
        for name in METRICS:
            values = [evaluation.metrics[name] for evaluation in evaluations if name in evaluation.metrics]
            spread = f" ±{stdev(values):.3f}" if len(values) > 1 else ""
            figures.append(f"{name} {fmean(values):.3f}{spread}" if values else "")
        tokens = fmean(evaluation.mean_tokens for evaluation in evaluations)
        print(f"    {system:30} {'  '.join(figures)}  tokens {tokens:.0f}  ({len(evaluations)} runs)")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--task", default="classification")
    parser.add_argument("--tuning-type", default="prompt_tuning")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fold-limit", type=int, default=None, help="stop after so many folds")
    parser.add_argument("--test", type=Path, default=None, help="train on all of FILE and test on this file instead")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--instruction", default="", help="for the base model")
    parser.add_argument("--verbalizer", default="{{input}}")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a tuning parameter")
    parser.add_argument("--records", type=Path, default=None, help="file to add every answer to, for paired.py")
    parser.add_argument("--verbose", action="store_true", help="print held-out results of every epoch")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    plugins = PluginManager.load()
    tuner = Tuner(plugins, plugins.base_model(arguments.model), dtype=arguments.dtype)
    records = Records(arguments.records)
    values = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    setup = Setup(
        task=arguments.task, tuning_type=arguments.tuning_type, instruction=arguments.instruction,
        verbalizer=arguments.verbalizer, values=values,
    )  # fmt: skip
    rows = read_file(arguments.file)
    if arguments.test:
        splits = [Split(fold=0, training=rows, test=read_file(arguments.test))]
    else:
        splits = make_folds(rows, tuner.task(arguments.task), arguments.folds)[: arguments.fold_limit]
    collected: dict[str, list[SystemEvaluation]] = defaultdict(list)
    for split in splits:
        for seed in range(arguments.seeds):
            run = tuner.run(setup, split, seed, with_base=seed == 0)
            if arguments.verbose:
                print("    held out, metric/loss by epoch:", " ".join(run.held_out), flush=True)
            print(
                f"fold {split.fold} seed {seed}: best epoch {run.best_epoch}, loss {run.loss:.3f}, "
                f"{run.seconds:.0f} s, {run.examples_per_second:.0f} examples/s",
                flush=True,
            )
            for evaluation in run.evaluations:
                print("   ", show(evaluation), flush=True)
                collected[evaluation.system].append(evaluation)
                predictions = [example.prediction for example in evaluation.examples]
                metric = "labels" if tuner.task(arguments.task).closed else "text"
                records.add(answers_of(arguments.file.stem, metric, evaluation.system, predictions, split, seed))
    show_means(collected)


if __name__ == "__main__":
    main()
