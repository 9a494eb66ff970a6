"""How well tuning works: k-fold over seeds, by the service's own plan, trainer, recipe and scoring.

    python tests/benchmarks/quality.py FILE --task classification --folds 5 --seeds 3 [--tuning-type ia3]

Prints each run and the means: exact match, micro F1 and accuracy of the tuned model, and of the base model zero-shot
and three-shot, answering freely and held to the label sets. Rows of a test fold are seen by the final scoring only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, TaskOptions, TunePlan
from foreword.domain.parameters import TuneParameters
from foreword.domain.report import Evaluation
from foreword.evaluation import evaluate, held_out_metric
from foreword.inference.runner import ModelRunner
from foreword.plugin.encoding import encode_input
from foreword.plugin.interfaces import Task
from foreword.plugin.manager import PluginManager
from foreword.tuning.plan import make_plan
from foreword.tuning.trainer import Trainer

METRICS = ("exact_match", "micro_f1", "accuracy")


def read_file(path: Path) -> list[Row]:
    """Rows of a JSONL file or a JSON array."""
    text = path.read_text(encoding="utf-8-sig")
    records = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    return [
        Row(number=number, input=str(record["input"]), output=str(record["output"]))
        for number, record in enumerate(records, start=1)
    ]


def make_folds(rows: Sequence[Row], targets: Sequence[str], count: int) -> list[list[int]]:
    """Places of the test rows of each fold, stratified by answer."""
    order = random.Random(0).sample(range(len(rows)), len(rows))
    order.sort(key=lambda place: targets[place])
    return [sorted(order[fold::count]) for fold in range(count)]


class Bench:
    """Everything that the runs share."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        plugins = PluginManager.load()
        self.arguments = arguments
        self.base = plugins.base_model(arguments.model)
        self.model = self.base.load(device="cpu", dtype=arguments.dtype)
        self.runner = ModelRunner(self.model)
        task, method = plugins.tasks.get(arguments.task), plugins.tuning_methods.get(arguments.tuning_type)
        assert task is not None
        assert method is not None, f"the tuning methods are {', '.join(plugins.tuning_methods.items)}"
        self.task: Task = task
        self.method = method

    def run(self, rows: Sequence[Row], test: Sequence[Row], seed: int, *, with_base: bool) -> dict[str, Any]:
        """Tunes on rows and measures on test rows."""
        plan = self._plan(rows, seed)
        started = time.perf_counter()

        def measure(contributions: Any) -> float:
            return held_out_metric(
                runner=self.runner, task=self.task, schema=plan.schema, verbalizer=self.arguments.verbalizer,
                rows=trainer.validation_rows, contributions=contributions, parameters=plan.parameters,
            )  # fmt: skip

        trainer = Trainer(
            model=self.model, method=self.method, task=self.task, plan=plan, verbalizer=self.arguments.verbalizer,
            rows=rows, evaluate=measure if plan.validation_row_count else None,
        )  # fmt: skip
        trained, busy, held_out = 0, 0.0, []
        for report in trainer.run():
            trained += report.rows
            busy += report.seconds
            if report.validation_loss is not None:
                held_out.append(f"{report.validation_metric:.2f}/{report.validation_loss:.2f}")
        if self.arguments.verbose:
            print("    held out, metric/loss by epoch:", " ".join(held_out), flush=True)
        result = trainer.result()
        seconds = time.perf_counter() - started
        evaluations = evaluate(
            runner=self.runner, task=self.task, schema=plan.schema, verbalizer=self.arguments.verbalizer, rows=test,
            training_rows=rows, contributions=self.method.contributions(result.artifact),
            instruction=self.arguments.instruction, with_base=with_base, parameters=plan.parameters,
        )  # fmt: skip
        return {
            "evaluations": evaluations, "best_epoch": result.best_epoch, "loss": report.loss,
            "seconds": seconds, "examples_per_second": trained / busy,
        }  # fmt: skip

    def _plan(self, rows: Sequence[Row], seed: int) -> TunePlan:
        arguments = self.arguments
        values = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
        if arguments.instruction and "init_method" not in {*values, *self.method.unused_parameters}:
            values |= {"init_method": "text", "init_text": arguments.instruction}
        config = ExperimentConfig(
            base_model=self.base.spec.id, dataset="", task=arguments.task, task_options=TaskOptions(),
            tuning_type=self.method.id, verbalizer=arguments.verbalizer, instruction=arguments.instruction,
            parameters=TuneParameters(**{"seed": seed, **values}),
        )  # fmt: skip
        tokenizer = self.model.tokenizer
        return make_plan(
            config=config, spec=self.base.spec, task=self.task, method=self.method, rows=rows,
            count_tokens=lambda text: len(encode_input(tokenizer, text)), seconds_per_row=0.0,
        )  # fmt: skip


def splits(bench: Bench, rows: Sequence[Row]) -> Iterator[tuple[int, list[Row], list[Row]]]:
    """Fold, training rows and test rows."""
    arguments = bench.arguments
    if arguments.test:
        yield 0, list(rows), read_file(arguments.test)
        return
    schema = bench.task.fit(rows, TaskOptions())
    folds = make_folds(rows, [bench.task.target(row.output, schema) for row in rows], arguments.folds)
    for fold, places in list(enumerate(folds))[: arguments.fold_limit]:
        held = set(places)
        yield fold, [row for i, row in enumerate(rows) if i not in held], [rows[i] for i in places]


def show(evaluation: Evaluation) -> str:
    """One line of figures."""
    figures = "  ".join(f"{name} {evaluation.metrics[name]:.3f}" for name in METRICS if name in evaluation.metrics)
    return f"{evaluation.system:30} {figures}  tokens {evaluation.mean_tokens:.0f}"


def main() -> None:
    """Runs."""
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
    parser.add_argument("--instruction", default="", help="for the base model, and where the prompt starts")
    parser.add_argument("--verbalizer", default="{{input}}")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a tuning parameter")
    parser.add_argument("--verbose", action="store_true", help="print held-out results of every epoch")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    bench = Bench(arguments)
    rows = read_file(arguments.file)
    collected: dict[str, list[Evaluation]] = defaultdict(list)
    for fold, training, test in splits(bench, rows):
        for seed in range(arguments.seeds):
            run = bench.run(training, test, seed, with_base=seed == 0)
            print(
                f"fold {fold} seed {seed}: best epoch {run['best_epoch']}, loss {run['loss']:.3f}, "
                f"{run['seconds']:.0f} s, {run['examples_per_second']:.0f} examples/s",
                flush=True,
            )
            for evaluation in run["evaluations"]:
                print("   ", show(evaluation), flush=True)
                collected[evaluation.system].append(evaluation)
    print("mean over runs")
    for system, evaluations in collected.items():
        figures = []
        for name in METRICS:
            values = [evaluation.metrics[name] for evaluation in evaluations if name in evaluation.metrics]
            spread = f" ±{stdev(values):.3f}" if len(values) > 1 else ""
            figures.append(f"{name} {fmean(values):.3f}{spread}" if values else "")
        tokens = fmean(evaluation.mean_tokens for evaluation in evaluations)
        print(f"    {system:30} {'  '.join(figures)}  tokens {tokens:.0f}  ({len(evaluations)} runs)")


if __name__ == "__main__":
    main()
