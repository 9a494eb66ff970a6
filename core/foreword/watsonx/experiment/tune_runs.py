"""Access to earlier runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from foreword.client import TuneExperiment
from foreword.client.frames import frame
from foreword.watsonx.api_client import APIClient
from foreword.watsonx.foundation_models.prompt_tuner import PromptTuner
from foreword.watsonx.foundation_models.run_details import run_state
from foreword.watsonx.names import resource_id
from foreword.watsonx.times import written

if TYPE_CHECKING:
    from pandas import DataFrame


class TuneRuns:
    """The runs of a tenant. Call it to select runs by name: `runs(filter=name, limit=10)`.

    Args:
        filter: Name of the runs, without the numbers that the service appends. Default: all runs.
        limit: Maximum number of runs to list.
    """

    def __init__(self, client: APIClient, filter: str | None = None, limit: int = 50) -> None:
        self._client = client
        self._filter = filter
        self._limit = limit

    def __call__(self, *, filter: str | None = None, limit: int = 50) -> TuneRuns:
        """Return the runs with this name and limit."""
        return TuneRuns(self._client, filter, limit)

    def list(self) -> DataFrame:
        """Return the runs, newest first, as a frame of time, id, state and name."""
        if self._filter is None:
            found: list[TuneExperiment] = self._client.foreword.list_tune_experiments(limit=self._limit)
        else:
            every = self._client.foreword.list_tune_experiments()
            found = [item for item in every if self._has_name(item)][: self._limit]
        return frame(
            ("timestamp", "run_id", "state", "tuning name"),
            [
                (written(item.update_time), resource_id(item.name), run_state(item.state), item.display_name)
                for item in found
            ],
        )

    def get_tuner(self, run_id: str) -> PromptTuner:
        """Return the tuner of a run, as if it had been started here.

        Raises:
            NotFoundError: The run does not exist.
        """
        return PromptTuner.of_run(self._client, run_id)

    def get_run_details(self, run_id: str, include_metrics: bool = False) -> dict[str, Any]:
        """Return the details of a run.

        Raises:
            NotFoundError: The run does not exist.
        """
        return self.get_tuner(run_id).get_run_details(include_metrics)

    def _has_name(self, experiment: TuneExperiment) -> bool:
        return self._filter in (experiment.display_name, re.sub(r" \(\d+\)$", "", experiment.display_name))
