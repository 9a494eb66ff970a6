"""The hooks. Each docstring says when the hook fires and what it is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreword.plugin import hookspec

if TYPE_CHECKING:
    from foreword.domain.experiment import Progress, TuneExperiment
    from foreword.domain.inference_call import InferenceCall, InferenceOutcome
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


@hookspec
def before_generate(call: InferenceCall, text: str) -> str | None:
    """Fires in the server before a text goes to the engine: Generate, StreamGenerate, BatchGenerate and Classify.

    Return another text to have that answered instead, such as one without names; None leaves it. Every plugin is handed
    what the one before made of it. Raise an error of `foreword.errors` to refuse the request; any other is logged,
    and the request fails: a text that was to be changed never goes on as it was. Runs on a thread that does
    nothing else; the request waits.

    Args:
        call: Who asks whom.
        text: The whole input, after composing and templates.
    """


@hookspec
def after_generate(call: InferenceCall, outcome: InferenceOutcome) -> None:
    """Fires in the server when a request of `before_generate` has been answered, has failed or was given up.

    Runs on a thread of its own, one request after the other; nobody waits for it.

    Args:
        call: The same as before.
        outcome: Tokens, time and, if it was not answered, why.
    """
