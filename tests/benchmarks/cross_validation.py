"""Cross-validation with the service's own plan, runs, recipe and scoring, for each fold and seed.

Only the final scoring uses the rows of a test fold.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, TaskOptions, TunePlan
from foreword.domain.held_out import same_inputs
from foreword.domain.parameters import TuneParameters
from foreword.domain.report import SystemEvaluation
from foreword.evaluation.compare import evaluate, held_out_metric
from foreword.inference.runner import ModelRunner
from foreword.plugin.encoding import encode_input
from foreword.plugin.interfaces import BaseModel, Task, TuningMethod
from foreword.plugin.manager import PluginManager
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.planning.plan import make_plan
from foreword.tuning.runs.run import TuningRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The rows to tune on and the rows to measure on."""

    fold: int
    training: Sequence[Row]
    test: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The settings of the runs.

    Attributes:
        instruction: The instruction for the base model.
        values: Tuning parameters that replace those of the recipe.
    """

    task: str
    tuning_type: str = "prompt_tuning"
    instruction: str = ""
    verbalizer: str = "{{input}}"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedRun:
    """A run and its results; evaluations contain every test row."""

    evaluations: tuple[SystemEvaluation, ...]
    best_epoch: int
    loss: float
    seconds: float
    examples_per_second: float
    held_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """The state of a run at the end of an epoch.

    Attributes:
        metric: Main metric on the rows that the run held out.
        loss: Loss on the same rows, in nats per token.
        evaluate: Evaluates this state on other rows.
    """

    metric: float
    loss: float
    evaluate: Callable[[Sequence[Row]], SystemEvaluation]


def read_file(path: Path) -> list[Row]:
    """Read the rows of a JSONL file or a JSON array."""
    text = path.read_text(encoding="utf-8-sig")
    records = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    return make_rows((str(record["input"]), str(record["output"])) for record in records)


def make_rows(pairs: Any) -> list[Row]:
    """Make rows from inputs and outputs."""
    return [Row(number=number, input=text, output=output) for number, (text, output) in enumerate(pairs, start=1)]


def make_folds(rows: Sequence[Row], task: Task, count: int) -> list[Split]:
    """Make folds stratified by answer. Rows of equal input stay together, so that no test row was tuned on."""
    schema = task.fit(rows, TaskOptions())
    targets = [task.target(row.output, schema) for row in rows]
    groups = same_inputs(rows)
    order = random.Random(0).sample(range(len(groups)), len(groups))
    order.sort(key=lambda group: targets[groups[group][0]])
    splits = []
    for fold in range(count):
        held = {place for group in order[fold::count] for place in groups[group]}
        splits.append(
            Split(
                fold=fold,
                training=[row for place, row in enumerate(rows) if place not in held],
                test=[row for place, row in enumerate(rows) if place in held],
            )
        )
    return splits


class Tuner:
    """A base model and the runs that tune it.

    Args:
        base: A plugin's base model.
    """

    def __init__(self, plugins: PluginManager, base: BaseModel, *, dtype: str) -> None:
        self._plugins, self._base = plugins, base
        self._model = base.load(device="cpu", dtype=dtype)
        self._runner = ModelRunner(self._model)

    @property
    def runner(self) -> ModelRunner:
        """The base model for inference."""
        return self._runner

    def task(self, name: str) -> Task:
        """Return a task by its id."""
        task = self._plugins.tasks.get(name)
        assert task is not None, f"no task is called {name}"
        return task

    def method(self, name: str) -> TuningMethod:
        """Return a tuning method by its id."""
        method = self._plugins.tuning_methods.get(name)
        assert method is not None, f"the tuning methods are {', '.join(self._plugins.tuning_methods.items)}"
        return method

    def run(self, setup: Setup, split: Split, seed: int, *, with_base: bool) -> TunedRun:
        """Tune on a split's training rows and measure on its test rows."""
        task, rows = self.task(setup.task), split.training
        method = self.method(setup.tuning_type)
        plan = self.plan(setup, rows, seed)
        started = time.perf_counter()

        def measure(contributions: Any) -> float:
            return held_out_metric(
                runner=self._runner, task=task, schema=tuning.training_schema, verbalizer=setup.verbalizer,
                rows=tuning.validation_rows, contributions=contributions, parameters=plan.parameters,
                losses=tuning.held_out_losses,
            )  # fmt: skip

        tuning = TuningRun(
            model=self._model, method=method, task=task, plan=plan, verbalizer=setup.verbalizer, rows=rows,
            evaluate=measure if plan.validation_row_count else None,
        )  # fmt: skip
        trained, busy, held_out = 0, 0.0, []
        for report in tune(tuning):
            trained += report.rows
            busy += report.seconds
            if report.validation_loss is not None:
                held_out.append(f"{report.validation_metric:.2f}/{report.validation_loss:.2f}")
        result = tuning.result()
        seconds = time.perf_counter() - started
        schema = plan.schema if result.refitted else tuning.training_schema
        evaluations = evaluate(
            runner=self._runner, task=task, schema=schema, verbalizer=setup.verbalizer, rows=split.test,
            training_rows=rows, contributions=method.contributions(result.artifact), instruction=setup.instruction,
            with_base=with_base, parameters=plan.parameters, example_count=len(split.test),
        )  # fmt: skip
        return TunedRun(
            evaluations=evaluations, best_epoch=result.best_epoch, loss=report.loss, seconds=seconds,
            examples_per_second=trained / busy, held_out=tuple(held_out),
        )  # fmt: skip

    def finished(self, setup: Setup, rows: Sequence[Row], seed: int) -> tuple[TuningRun, TunePlan]:
        """Tune on rows for all epochs, without measuring, and return the run that has ended and its plan."""
        plan = self.plan(setup, rows, seed)
        tuning = TuningRun(
            model=self._model, method=self.method(setup.tuning_type), task=self.task(setup.task), plan=plan,
            verbalizer=setup.verbalizer, rows=rows,
        )  # fmt: skip
        for _ in tune(tuning):
            pass
        return tuning, plan

    def run_epochs(self, setup: Setup, split: Split, seed: int) -> list[Epoch]:
        """Tune on a split's training rows, of which the run holds out some, and keep every epoch."""
        task, method = self.task(setup.task), self.method(setup.tuning_type)
        plan = self.plan(setup, split.training, seed)
        learnt: list[Any] = []

        def measure(contributions: Any) -> float:
            learnt.append(contributions)
            return held_out_metric(
                runner=self._runner, task=task, schema=tuning.training_schema, verbalizer=setup.verbalizer,
                rows=tuning.validation_rows, contributions=contributions, parameters=plan.parameters,
                losses=tuning.held_out_losses,
            )  # fmt: skip

        def score(contributions: Any, rows: Sequence[Row]) -> SystemEvaluation:
            return evaluate(
                runner=self._runner, task=task, schema=tuning.training_schema, verbalizer=setup.verbalizer, rows=rows,
                training_rows=tuning.training_rows, contributions=contributions, instruction=setup.instruction,
                with_base=False, parameters=plan.parameters, example_count=len(rows),
            )[0]  # fmt: skip

        tuning = TuningRun(
            model=self._model, method=method, task=task, plan=plan, verbalizer=setup.verbalizer, rows=split.training,
            evaluate=measure,
        )  # fmt: skip
        ends = [report for report in tune(tuning) if report.validation_loss is not None]
        return [
            Epoch(metric=end.validation_metric, loss=end.validation_loss, evaluate=partial(score, contributions))
            for end, contributions in zip(ends, learnt, strict=True)
        ]

    def plan(
        self,
        setup: Setup,
        rows: Sequence[Row],
        seed: int,
        *,
        seconds_per_token: float = 0.0,
        evaluate_base: bool = True,
    ) -> TunePlan:
        """Return the plan of a run on these rows."""
        method = self.method(setup.tuning_type)
        config = ExperimentConfig(
            base_model=self._base.spec.id, dataset="", task=setup.task, task_options=TaskOptions(),
            tuning_type=method.id, verbalizer=setup.verbalizer, instruction=setup.instruction,
            parameters=TuneParameters(**{"seed": seed, **setup.values}), evaluate_base=evaluate_base,
        )  # fmt: skip
        tokenizer = self._model.tokenizer
        return make_plan(
            config=config, spec=self._base.spec, task=self.task(setup.task), method=method, rows=rows,
            count_tokens=lambda text: len(encode_input(tokenizer, text)),
            seconds_per_token=seconds_per_token,
        )  # fmt: skip
