"""Changes of tuning experiments: what is said about them, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from foreword.client import decode, resources
from foreword.client._async.service import ServiceMethods
from foreword.client.message import build
from foreword.client.reference import Reference, new_request_id
from foreword.client.tags import tag_change
from foreword.v1 import tune_experiment_pb2, tune_experiment_service_pb2_grpc
from foreword.v1 import tune_experiment_service_pb2 as messages


class ExperimentChangeMethods(ServiceMethods):
    """Methods of `TuneExperimentService` that change an experiment."""

    @cached_property
    def _experiments(self) -> Any:
        return self._connection.stub(tune_experiment_service_pb2_grpc.TuneExperimentServiceStub)

    async def update_tune_experiment(
        self,
        experiment: Reference,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> resources.TuneExperiment:
        """Change the description or the tags of an experiment, in any state.

        Args:
            tags: Tags to set, by key; the value None removes a tag. Other tags stay.

        Raises:
            InvalidArgumentError: Values are wrong. The error names all of them.
            NotFoundError: The experiment does not exist in the caller's tenant.
        """
        given, changed = tag_change("tune_experiment.tags", tags or {})
        if description is not None:
            changed.append("description")
        message = build(
            tune_experiment_pb2.TuneExperiment, "tune_experiment", description=description or "", tags=given
        )
        request = messages.UpdateTuneExperimentRequest(
            tune_experiment=message, update_mask=FieldMask(paths=changed), request_id=new_request_id()
        )
        references = {"tune_experiment.name": (experiment, "tuneExperiments")}
        return decode.tune_experiment(await self._call(self._experiments.UpdateTuneExperiment, request, references))

    async def cancel_tune_experiment(self, experiment: Reference) -> resources.TuneExperiment:
        """Ask a run to stop, which it does within one step. Cancelling again has no effect.

        Raises:
            NotFoundError: The experiment does not exist in the caller's tenant.
            FailedPreconditionError: The experiment has already succeeded or failed.
        """
        references = {"name": (experiment, "tuneExperiments")}
        request = messages.CancelTuneExperimentRequest()
        return decode.tune_experiment(await self._call(self._experiments.CancelTuneExperiment, request, references))

    async def retry_tune_experiment(
        self, experiment: Reference, *, from_beginning: bool = False, tune_experiment_id: str = ""
    ) -> resources.TuneExperiment:
        """Repeat an experiment that has failed or was cancelled, as a new one with the same configuration and tags.

        It continues from the newest checkpoint, which is kept for seven days, or else runs from the beginning;
        `resumed_step` of the new experiment says which. It costs only what it computes itself.

        Args:
            from_beginning: Run from the beginning even if there is a checkpoint.
            tune_experiment_id: Last part of the resource name. Default: chosen by the service.

        Returns:
            The queued experiment. Call `wait_for_experiment` to wait for its end.

        Raises:
            NotFoundError: The experiment does not exist in the caller's tenant.
            FailedPreconditionError: The experiment has succeeded or not ended, is a trial of a sweep, or what it needs
                was deleted or has changed. The message has the remedy.
            ExhaustedError: Too many experiments are queued.
        """
        request = build(
            messages.RetryTuneExperimentRequest,
            tune_experiment_id=tune_experiment_id,
            from_beginning=from_beginning,
            request_id=new_request_id(),
        )
        references = {"name": (experiment, "tuneExperiments")}
        return decode.tune_experiment(await self._call(self._experiments.RetryTuneExperiment, request, references))

    async def delete_tune_experiment(self, experiment: Reference) -> None:
        """Delete an experiment that has ended. Its tuned model is kept.

        Raises:
            NotFoundError: The experiment does not exist in the caller's tenant.
            FailedPreconditionError: The experiment is queued or running; cancel it first.
        """
        references = {"name": (experiment, "tuneExperiments")}
        request = messages.DeleteTuneExperimentRequest()
        await self._call(self._experiments.DeleteTuneExperiment, request, references, gone_is_done=True)
