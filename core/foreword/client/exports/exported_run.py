"""What an export has made of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRun:
    """A run of another tracker.

    Attributes:
        tune_experiment: Resource name of the exported experiment; empty for an evaluation.
        evaluation: Resource name of the exported evaluation; empty for an experiment.
        display_name: Its display name.
        target: Id of the run in MLflow, or the folder for TensorBoard.
        is_new: Whether the export has made the run; otherwise it has updated that of an earlier export.
    """

    tune_experiment: str
    display_name: str
    target: str
    is_new: bool
    evaluation: str = ""

    @property
    def name(self) -> str:
        """Resource name of what was exported."""
        return self.tune_experiment or self.evaluation
