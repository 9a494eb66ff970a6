"""Plans, rows and runs for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions, TunePlan
from foreword.domain.parameters import ResolvedParameters, TuneParameters, resolve_parameters
from foreword.plugin.interfaces import LoadedModel, TuningMethod
from foreword.tuning.runs.run import TuningRun
from foreword_methods.prompt_tuning import PromptTuning
from foreword_tasks.classification import Classification

OUTPUTS = ("Planning", "Service", "Warehouse", "Planning, Service")


def make_rows(count: int = 12) -> list[Row]:
    """Make rows with inputs of different length and alternating outputs; every fourth row has two labels."""
    return [
        Row(
            number=number,
            input=f"Complaint {number} " + "about the order " * (number % 5),
            output=OUTPUTS[(number - 1) % len(OUTPUTS)],
        )
        for number in range(1, count + 1)
    ]


def make_parameters(**values) -> ResolvedParameters:
    """Return the parameters of a short run, with the given changes."""
    short = {
        "batch_size": 4, "num_epochs": 2, "num_virtual_tokens": 4, "learning_rate": 0.05, "validation_split": 0.25,
        "init_method": "sample_vocab",
    }  # fmt: skip
    known = {item.name for item in fields(TuneParameters)}
    assert set(values) <= known
    parameters, _ = resolve_parameters(TuneParameters(**{**short, **values}), TuneParameters())
    return parameters


def make_plan_of(rows: Sequence[Row], parameters: ResolvedParameters) -> TunePlan:
    """Make a plan without the checks of `make_plan`."""
    return TunePlan(
        parameters=parameters,
        sources={},
        training_row_count=0,
        validation_row_count=0,
        planned_updates=0,
        trainable_parameter_count=0,
        estimated_seconds=0.0,
        warnings=(),
        schema=Classification().fit(rows, TaskOptions()),
    )


def make_run(
    model: LoadedModel,
    rows: Sequence[Row],
    parameters: ResolvedParameters,
    *,
    method: TuningMethod | None = None,
    **arguments,
) -> TuningRun:
    """Return a run of classification, with prompt tuning by default."""
    return TuningRun(
        model=model,
        method=method or PromptTuning(),
        task=Classification(),
        plan=make_plan_of(rows, parameters),
        verbalizer="{{input}}",
        rows=rows,
        **arguments,
    )
