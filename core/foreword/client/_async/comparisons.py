"""Comparisons of tuning experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING

from foreword.client._async.experiments import TuneExperimentMethods
from foreword.client._async.waiting import in_thread
from foreword.client.comparison_resources import TuneComparison
from foreword.client.decode_comparison import tune_comparison
from foreword.client.message import collected
from foreword.client.reference import Reference
from foreword.v1 import tune_experiment_service_pb2 as messages

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class TuneComparisonMethods(TuneExperimentMethods):
    """The methods of `TuneExperimentService` that compare experiments."""

    async def compare_tune_experiments(self, experiments: Iterable[Reference]) -> TuneComparison:
        """Compare experiments: the fields that differ, their data, their held-out results and their learning curves.

        `foreword.client.frames.comparison` returns the result as a frame.

        Args:
            experiments: At least 2 and at most 20 experiments in any state, each once. Datasets are compared with that
                of the first.

        Raises:
            InvalidArgumentError: There are too few or too many, or an experiment is named twice.
            NotFoundError: An experiment does not exist in the caller's tenant.
        """
        references = {
            f"names[{place}]": (item, "tuneExperiments")
            for place, item in enumerate(collected("experiments", experiments))
        }

        async def send(names: Mapping[str, str]) -> messages.CompareTuneExperimentsResponse:
            request = messages.CompareTuneExperimentsRequest(names=names.values())
            answer = await self._connection.unary(self._experiments.CompareTuneExperiments, request, safe=True)
            assert isinstance(answer, messages.CompareTuneExperimentsResponse)
            return answer

        return tune_comparison(await self._resolved(references, send))

    async def plot_comparison(
        self, experiments: TuneComparison | Iterable[Reference], path: str | PathLike[str] | None = None
    ) -> Figure:
        """Draw the held-out metric and the losses of experiments over the epochs. No display is needed.

        Args:
            experiments: The experiments, or what `compare_tune_experiments` returned for them.
            path: File to write, such as `comparison.png`; its extension sets the format. Default: none.

        Returns:
            The matplotlib figure.

        Raises:
            FailedPreconditionError: matplotlib is not installed, or no experiment has a learning curve yet.
            InvalidArgumentError: There are too few or too many experiments, or one is named twice.
            NotFoundError: An experiment does not exist in the caller's tenant.
        """
        from foreword.client.comparison_curves import draw_comparison

        if not isinstance(experiments, TuneComparison):
            experiments = await self.compare_tune_experiments(experiments)
        return await in_thread(draw_comparison, experiments, path)
