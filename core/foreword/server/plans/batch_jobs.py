"""Planning of requested batch jobs: how the model is asked, and the estimated tokens, time and cost. Methods block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Final

from foreword.data.rows import read_rows
from foreword.domain.batch_job import BatchJobConfig, BatchJobPlan
from foreword.domain.dataset import Dataset
from foreword.domain.inference import GenerateParameters
from foreword.domain.label_options import LabelOptions
from foreword.domain.machine_speed import Machine
from foreword.domain.prompt import MOST_CHARACTERS_PER_TOKEN
from foreword.errors import InvalidArgumentError
from foreword.names import TunedModelName
from foreword.plugin.manager import PluginManager
from foreword.server.convert.batch_job import CLASSIFY, GENERATE, NewBatchJob
from foreword.server.convert.generate_parameters import fitted
from foreword.server.convert.inference import fitted_options
from foreword.server.inference.model_resolver import calibration_missing, labels_missing
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.server.plans.token_counts import TokenCounters
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.tuning.measuring import HELD_OUT_SHARE
from foreword.tuning.planning.speed import TuningSpeed
from foreword.turns.cancellation import give_way

_COUNTED_ROWS: Final = 200
"""Rows whose tokens are counted for the estimate: the first ones."""
_COUNTED_SETS: Final = 200
_END_TOKENS: Final = 1
"""Tokens that end an answer."""


class BatchPlanner:
    """A planner, which computes the configuration of batch jobs and estimates what they take.

    Args:
        speed: Estimates the speed of a base model before its first run.
    """

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        plugins: PluginManager,
        tokens: TokenCounters,
        speed: TuningSpeed,
    ) -> None:
        self._artifacts = artifacts
        self._plugins = plugins
        self._tokens = tokens
        self._speed = speed
        self._speeds = MachineSpeeds(database)

    def plan(
        self, new: NewBatchJob, model: ResolvedModel, dataset: Dataset | None
    ) -> tuple[BatchJobConfig, BatchJobPlan | None]:
        """Return the configuration with all defaults, and the plan.

        Args:
            dataset: None to check only what does not depend on the rows; then there is no plan.

        Raises:
            InvalidArgumentError: A value does not suit the model.
            FailedPreconditionError: The model has no labels to choose from, or no calibration.
            ArtifactError: The stored rows are missing or corrupt.
        """
        classify, generate = new.classify, new.generate
        if classify is None and generate is None:
            if model.label_space is not None:
                classify = LabelOptions()
            else:
                generate = GenerateParameters()
        if classify is not None:
            fitted_options(classify, model.context_tokens, f"{CLASSIFY}.")
            _check_labels(classify, model)
        if generate is not None:
            generate = fitted(generate, model.context_tokens, limit_is_default=new.limit_is_default, field=GENERATE)
        is_tuned = model.adapter is not None
        config = BatchJobConfig(
            dataset="" if dataset is None else dataset.id,
            model=new.model,
            base_model=model.base_model,
            tuned_model=TunedModelName.parse(model.version).tuned_model if is_tuned else None,
            classify=classify,
            generate=generate,
        )
        return config, None if dataset is None else self._estimate(config, model, dataset)

    def _estimate(self, config: BatchJobConfig, model: ResolvedModel, dataset: Dataset) -> BatchJobPlan:
        """Return the estimate, from the tokens of the first rows. Answers may end before their maximum length."""
        base = self._plugins.base_model(config.base_model)
        count = self._tokens.counter(base)
        longest = base.spec.context_tokens * MOST_CHARACTERS_PER_TOKEN
        counted: list[int] = []
        with open_rows(self._artifacts, dataset) as file:
            for row in islice(read_rows(file), _COUNTED_ROWS):
                give_way()
                # No row is charged for more than the context, so the rest of a long one is not counted. One that is
                # too long for the template of the model has an error as its answer.
                with suppress(InvalidArgumentError):
                    counted.append(min(count(model.text(row.input[:longest])), base.spec.context_tokens))
        input_tokens = round(sum(counted) / max(1, len(counted)) * dataset.row_count)
        answer_tokens = _answer_tokens(config, model, count)
        machine = Machine(base_model=base.spec.id, device=self._speed.device, dtype=self._speed.dtype)
        price = self._speeds.get(machine, partial(self._speed.seconds_per_token, base.spec)).seconds_per_token
        tokens = input_tokens + round(dataset.row_count * answer_tokens)
        return BatchJobPlan(
            row_count=dataset.row_count, input_tokens=input_tokens, estimated_seconds=price * HELD_OUT_SHARE * tokens
        )


def _answer_tokens(config: BatchJobConfig, model: ResolvedModel, count: Callable[[str], int]) -> float:
    """Return the expected number of tokens of an answer: the longest text, or the mean of the first label sets."""
    if model.label_space is not None:
        space = model.label_space
        texts = [
            space.text(labels) for labels in space.label_sets[:_COUNTED_SETS] or [(item,) for item in space.labels]
        ]
    elif config.classify is not None:
        texts = list(config.classify.labels)
    else:
        assert config.generate is not None, "a job classifies or generates"
        return config.generate.max_new_tokens
    counted = texts[:_COUNTED_SETS]
    around = count("") - _END_TOKENS
    return sum(count(text) - around for text in counted) / len(counted)


def _check_labels(options: LabelOptions, model: ResolvedModel) -> None:
    """Check that a model has labels to choose from, and a calibration if a precision is wanted."""
    if model.label_space is not None and options.labels:
        raise InvalidArgumentError.of(
            f"{CLASSIFY}.labels", f"must be unset, because {model.version} has its own labels"
        )
    if model.label_space is None and not options.labels:
        raise labels_missing(model.version)
    if options.min_precision is not None and model.calibration is None:
        raise calibration_missing(model.version)
