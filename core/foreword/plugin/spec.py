"""The hooks. Each docstring says when the hook fires and what it is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreword.plugin import hookspec

if TYPE_CHECKING:
    from foreword.domain.experiment import Progress, TuneExperiment
    from foreword.plugin.interfaces import BaseModel, RowValidator, Task, TuningMethod
    from foreword.plugin.register import Register


@hookspec
def register_base_models(register: Register[BaseModel]) -> None:
    """Fires once when a process starts; add the base models that the plugin offers.

    Adding must be cheap: weights are loaded later, on first use.

    Args:
        register: Takes base models by `spec.id`.
    """


@hookspec
def register_tasks(register: Register[Task]) -> None:
    """Fires once when a process starts; add tasks.

    Args:
        register: Takes tasks by `id`.
    """


@hookspec
def register_row_validators(register: Register[RowValidator]) -> None:
    """Fires once when a process starts; add checks of dataset rows. They run in the order of registration.

    Args:
        register: Takes validators by `id`.
    """


@hookspec
def register_tuning_methods(register: Register[TuningMethod]) -> None:
    """Fires once when a process starts; add tuning methods.

    Args:
        register: Takes methods by `id`.
    """


@hookspec
def experiment_started(experiment: TuneExperiment) -> None:
    """Fires in the worker when it takes an experiment; again with each worker that takes it over.

    Args:
        experiment: As it is stored, without snapshots.
    """


@hookspec
def experiment_progressed(experiment: TuneExperiment, progress: Progress) -> None:
    """Fires in the worker with every snapshot that is stored, about once a second.

    Args:
        experiment: As it was when the worker took it.
        progress: How far it is.
    """


@hookspec
def experiment_finished(experiment: TuneExperiment) -> None:
    """Fires in the worker after the final state is stored, also after a failure or cancellation.

    Args:
        experiment: As it is stored, without snapshots.
    """
