"""The hooks. Each docstring documents when the hook fires and which arguments it receives."""

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
    """Add base models. Fires once when a process starts.

    Adding must be cheap: weights are loaded later, on first use.

    Args:
        register: The register of base models; their names are `spec.id`.
    """


@hookspec
def register_tasks(register: Register[Task]) -> None:
    """Add tasks. Fires once when a process starts.

    Args:
        register: The register of tasks; their names are `id`.
    """


@hookspec
def register_row_validators(register: Register[RowValidator]) -> None:
    """Add checks of dataset rows, which run in the order of registration. Fires once when a process starts.

    Args:
        register: The register of row validators; their names are `id`.
    """


@hookspec
def register_tuning_methods(register: Register[TuningMethod]) -> None:
    """Add tuning methods. Fires once when a process starts.

    Args:
        register: The register of tuning methods; their names are `id`.
    """


@hookspec
def experiment_started(experiment: TuneExperiment) -> None:
    """React to a started experiment. Fires in the worker that takes it, at each of its turns and after a takeover.

    Args:
        experiment: The stored experiment, without snapshots.
    """


@hookspec
def experiment_progressed(experiment: TuneExperiment, progress: Progress) -> None:
    """React to progress. Fires in the worker with every stored snapshot, about once a second.

    Args:
        experiment: The experiment as it was when the worker took it.
        progress: The current progress.
    """


@hookspec
def experiment_finished(experiment: TuneExperiment) -> None:
    """React to the end of an experiment. Fires in the worker after the final state is stored, even after a failure.

    It does not fire for an experiment that was cancelled while it waited for a worker.

    Args:
        experiment: The stored experiment, without snapshots.
    """


@hookspec
def before_generate(call: InferenceCall, text: str) -> str | None:
    """Change or refuse a text. Fires in the server before Generate, StreamGenerate, BatchGenerate or Classify runs it.

    It also fires in the worker before a row of a batch job is answered.

    Return a new text to use it instead, for example one without names, or None to leave the text unchanged. Each plugin
    receives the text as the previous plugin returned it. Raise an error from `foreword.errors` to refuse the request.
    Any other exception is logged and the request fails, because an unchanged text must never reach the engine. The hook
    runs on its own thread, and the request waits for it.

    Args:
        call: The caller and the model.
        text: The whole input, after composition and templates.
    """


@hookspec
def after_generate(call: InferenceCall, outcome: InferenceOutcome) -> None:
    """Observe an outcome. Fires in the server after a request of `before_generate` was answered, failed or cancelled.

    It also fires in the worker once the answer to a row of a batch job, or its error, is stored.

    The hook runs on its own thread, one request after the other. No request waits for it.

    Args:
        call: The call that `before_generate` received.
        outcome: Tokens, time and, if the request was not answered, the reason.
    """


@hookspec
def redact_captured(text: str) -> str | None:
    """Remove what must not be stored. Fires in the server before a text of a captured request or of feedback is stored.

    Keys, e-mail addresses, telephone and card numbers have been replaced by then. The text is that of the request,
    before templates and before `before_generate`: a plugin that removes something there should remove it here as well.

    Return a new text to store it instead, or None to leave the text unchanged. Each plugin receives the text as the
    previous plugin returned it. If a plugin raises, the request is not stored.

    Args:
        text: The input of a request, an answer that is any text, or a text of feedback.
    """
