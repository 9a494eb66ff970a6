"""The calibration of answers to rows that a run has not read: its error with and without the temperature of the run.

    python tests/benchmarks/calibration.py FILE --folds 3 --seeds 3 [--set num_epochs=10] [--json]

Each fold is a test set. The run holds out some of the other rows, as in the service, and its calibration is fitted on
the answers to them. If the recipe refits, these are the answers of the prompt before the refit. The refitted prompt,
which is the one that the service serves, answers the test rows. The benchmark prints the expected calibration error of
these answers for each seed, their loss and squared error, and the precision of those that reach the threshold for
--min-precision, also for the label for which it is lowest. With --scores, it stores the candidates of all rows;
--from-scores reads them and tunes nothing, so that methods can be compared in seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from cross_validation import Setup, Split, Tuner, make_folds, read_file

from foreword.domain.answer_calibration import CalibrationSource
from foreword.domain.dataset import Row
from foreword.evaluation.calibration import calibration
from foreword.evaluation.compare import evaluate
from foreword.evaluation.temperature import ScoredAnswer, calibrate
from foreword.plugin.manager import PluginManager
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.runs.run import TuningRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """The answers of one run.

    Attributes:
        held_out: Answers of the measured prompt to the held-out rows.
        test: Answers of the served prompt to the test rows.
        test_before_refit: Answers of the measured prompt to the test rows.
    """

    seed: int
    fold: int
    held_out: tuple[ScoredAnswer, ...]
    test: tuple[ScoredAnswer, ...]
    test_before_refit: tuple[ScoredAnswer, ...]


def score_run(tuner: Tuner, setup: Setup, split: Split, seed: int) -> ScoredRun:
    """Tune on a split's training rows, and score the candidates of the held-out rows and of the test rows."""
    task, method = tuner.task(setup.task), tuner.method(setup.tuning_type)
    plan = tuner.plan(setup, split.training, seed)
    tuning = TuningRun(
        model=tuner.runner.model, method=method, task=task, plan=plan, verbalizer=setup.verbalizer, rows=split.training,
    )  # fmt: skip
    for _ in tune(tuning):
        pass
    result = tuning.result()

    def scored(artifact: Any, schema: Any, rows: Sequence[Row]) -> tuple[ScoredAnswer, ...]:
        found: list[ScoredAnswer] = []
        evaluate(
            runner=tuner.runner, task=task, schema=schema, verbalizer=setup.verbalizer, rows=rows,
            training_rows=tuning.training_rows, contributions=method.contributions(artifact), instruction="",
            with_base=False, parameters=plan.parameters, on_scored=found.extend,
        )  # fmt: skip
        return tuple(found)

    schema = plan.schema if result.refitted else tuning.training_schema
    return ScoredRun(
        seed=seed,
        fold=split.fold,
        held_out=scored(result.evaluated, tuning.training_schema, tuning.validation_rows),
        test=scored(result.artifact, schema, split.test),
        test_before_refit=scored(result.evaluated, tuning.training_schema, split.test),
    )


def read_scores(path: Path) -> Iterator[ScoredRun]:
    """Yield the runs that --scores stored."""
    for line in path.read_text().splitlines():
        stored = json.loads(line)
        sides = {
            side: tuple(
                ScoredAnswer(labels=tuple(item["labels"]), log_probs=tuple(item["log_probs"]), right=item["right"])
                for item in stored[side]
            )
            for side in ("held_out", "test", "test_before_refit")
        }
        yield ScoredRun(seed=stored["seed"], fold=stored["fold"], **sides)


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
    parser.add_argument("--one-fold", action="store_true", help="test only fold 0 with seed 0, fold 1 with seed 1, ...")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a tuning parameter")
    parser.add_argument(
        "--min-precision", type=float, default=0.9, help="wanted precision of the answers that are given"
    )
    parser.add_argument("--scores", type=Path, default=None, help="file to add the candidates of every row to")
    parser.add_argument("--from-scores", action="store_true", help="FILE is a file of --scores; tune nothing")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    runs = read_scores(arguments.file) if arguments.from_scores else make_runs(arguments)
    show(list(runs), precision=arguments.min_precision, as_json=arguments.json)


def make_runs(arguments: argparse.Namespace) -> Iterator[ScoredRun]:
    """Yield a run for each seed and fold."""
    plugins = PluginManager.load()
    tuner = Tuner(plugins, plugins.base_model(arguments.model), dtype=arguments.dtype)
    values = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    setup = Setup(task=arguments.task, tuning_type=arguments.tuning_type, values=values)
    splits = make_folds(read_file(arguments.file), tuner.task(arguments.task), arguments.folds)
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for split in [splits[seed % len(splits)]] if arguments.one_fold else splits:
            run = score_run(tuner, setup, split, seed)
            if arguments.scores:
                with arguments.scores.open("a") as file:
                    file.write(json.dumps(asdict(run)) + "\n")
            yield run


def show(runs: Sequence[ScoredRun], *, precision: float, as_json: bool) -> None:
    """Print the figures of each seed, and of all answers together.

    Ten bins of a few dozen rows have an error by chance alone, so the last line says most with --one-fold.
    """
    seeds = sorted({run.seed for run in runs})
    figures = {f"seed {seed}": measure([run for run in runs if run.seed == seed], precision) for seed in seeds}
    figures["all"] = measure(runs, precision)
    if as_json:
        print(json.dumps({"min_precision": precision, "figures": figures}))
        return
    for name, item in figures.items():
        temperatures = " ".join(f"{value:.2f}" for value in item["temperatures"])
        changes = ", ".join(
            f"{title} {item[f'{key}_before']:.3f} -> {item[f'{key}_after']:.3f}"
            for key, title in (("ece", "calibration error"), ("nll", "loss"), ("brier", "squared error"))
        )
        print(
            f"{name}: {item['rows']} rows, exact match {item['accuracy']:.3f}, {changes} (before the refit, without a "
            f"temperature, {item['ece_before_refit']:.3f}), temperatures {temperatures}; for a precision of "
            f"{precision:g}, {kept(item)}"
        )


def measure(runs: Sequence[ScoredRun], precision: float) -> dict[str, Any]:
    """Return the figures of the answers to the test rows of some runs, each calibrated by its own run."""
    before, after, given, temperatures, losses = [], [], [], [], []
    by_label: dict[str, list[bool]] = {}
    for run in runs:
        found = calibrate(run.held_out, CalibrationSource.HELD_OUT_BEFORE_REFIT)
        temperatures.append(1.0 if found is None else found.temperature)
        for answer in run.test:
            probability = answer.probability(temperatures[-1])
            before.append((answer.probability(1.0), answer.is_right))
            after.append((probability, answer.is_right))
            if answer.right is not None:
                losses.append((loss(answer, 1.0), loss(answer, temperatures[-1])))
            threshold = None if found is None else found.threshold(answer.labels, precision)
            if threshold is not None and probability >= threshold:
                given.append(answer.is_right)
                for label in answer.labels:
                    by_label.setdefault(label, []).append(answer.is_right)
    unrefitted = [(answer.probability(1.0), answer.is_right) for run in runs for answer in run.test_before_refit]
    return {
        "rows": len(before),
        "accuracy": fmean(is_right for _, is_right in before),
        "ece_before": calibration(before).expected_calibration_error,
        "ece_after": calibration(after).expected_calibration_error,
        "ece_before_refit": calibration(unrefitted).expected_calibration_error,
        "nll_before": fmean(pair[0] for pair in losses),
        "nll_after": fmean(pair[1] for pair in losses),
        "brier_before": fmean((probability - is_right) ** 2 for probability, is_right in before),
        "brier_after": fmean((probability - is_right) ** 2 for probability, is_right in after),
        "temperatures": temperatures,
        "given": len(given),
        "given_share": len(given) / len(before),
        "precision": fmean(given) if given else None,
        "by_label": {
            label: {"given": len(answers), "precision": fmean(answers)} for label, answers in sorted(by_label.items())
        },
    }


def loss(answer: ScoredAnswer, temperature: float) -> float:
    """Return the negative log-likelihood of the right candidate, in nats."""
    assert answer.right is not None, "the right answer is a candidate"
    log_probs = [value / temperature for value in answer.log_probs]
    return math.log(sum(math.exp(value - log_probs[0]) for value in log_probs)) + log_probs[0] - log_probs[answer.right]


def kept(item: dict[str, Any]) -> str:
    """Return how many answers were given for a wanted precision, and how many of them were right."""
    text = f"{item['given']} answers given ({item['given_share']:.0%})"
    if item["given"]:
        text += f", {item['precision']:.3f} of them right"
    label, lowest = min(item["by_label"].items(), key=lambda pair: pair[1]["precision"], default=("", None))
    if lowest is None:
        return text
    return f"{text}, lowest {lowest['precision']:.3f} of {lowest['given']} with the label {label}"


if __name__ == "__main__":
    main()
