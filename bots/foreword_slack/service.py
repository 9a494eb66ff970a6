"""The bot's interface to the Foreword service; no other module calls `foreword.client`.

The client blocks, so every call runs in a thread. Each workspace has its own client with the key of its tenant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from foreword.client import (
    ClassifyResult,
    Client,
    Dataset,
    Deployment,
    Evaluation,
    LabelSet,
    TunedModel,
    TuneExperiment,
    TuneParameters,
)
from foreword.errors import (
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    ForewordError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from foreword.observability.logging import get_logger
from foreword_slack.config import ServiceConfig
from foreword_slack.routing import Guess

_log = get_logger("slack.service")

Result = TypeVar("Result")

_THREADS = 16
_RETRY_SECONDS = 1.0  # the inbox retries for longer, and its waits survive a restart
_TOP_LABEL_SETS = 5
_MOST_CUTS = 6
_TRANSIENT = (
    UnavailableError,
    ExhaustedError,
    DeadlineExceededError,
    CancelledError,
    AbortedError,
    InternalError,
)
_TRANSIENT_REASONS = frozenset({"DEPLOYMENT_NOT_READY"})


def is_transient(error: ForewordError) -> bool:
    """Return whether a later attempt may succeed without human intervention."""
    return isinstance(error, _TRANSIENT) or error.reason in _TRANSIENT_REASONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The model's answer.

    Attributes:
        label_sets: The likeliest label sets, for comparison.
        request_id: Id of the request, for feedback; empty from a service that gives none.
    """

    guess: Guess
    label_sets: tuple[LabelSet, ...]
    request_id: str = ""


class ForewordService:
    """The connections of all workspaces to the service.

    Args:
        config: The service's address.
        api_keys: API key by workspace.
    """

    def __init__(self, config: ServiceConfig, api_keys: Mapping[str, str]) -> None:
        self._classify_seconds = config.timeout_seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="foreword")
        self._clients = {
            team: Client(
                config.endpoint,
                key,
                retry_seconds=_RETRY_SECONDS,
                tls=config.tls_ca,
            )
            for team, key in api_keys.items()
        }

    def tenant(self, team: str) -> TenantService:
        """Return the service for the tenant of a workspace."""
        return TenantService(self._clients[team], self._threads, self._classify_seconds)

    async def close(self) -> None:
        """End all calls and close the connections."""
        for client in self._clients.values():
            client.close()
        await asyncio.to_thread(self._threads.shutdown)


class TenantService:
    """The service for one tenant. Every method raises the errors of `foreword.errors`.

    Args:
        client: Client with the tenant's key.
        threads: Executor of the calls.
        classify_seconds: Timeout of one call of `Classify`.
    """

    def __init__(self, client: Client, threads: ThreadPoolExecutor, classify_seconds: float) -> None:
        self._client = client
        self._threads = threads
        self._classify_seconds = classify_seconds
        self._uncalibrated: set[str] = set()

    async def classify(
        self, model: str, text: str, *, abstain_below: float = 0.0, min_precision: float = 0.0
    ) -> Classification:
        """Classify a text; if it is too long for the model, classify its beginning.

        A model without a calibration is asked without a precision, which is logged once for each model.

        Args:
            model: Serving name, or resource name of a tuned model.
            abstain_below: The model abstains if no label set reaches this probability.
            min_precision: Wanted share of right answers, on which the threshold of the guess depends; 0 for none.
        """
        for attempt in range(_MOST_CUTS + 2):
            try:
                answer = await self._classify(model, text, abstain_below, min_precision)
            except InvalidArgumentError as error:
                if error.reason != "TEXT_TOO_LONG" or len(text) < 2 or attempt > _MOST_CUTS:
                    raise
                text = text[: len(text) // 2]
            except FailedPreconditionError as error:
                if error.reason != "CALIBRATION_MISSING" or not min_precision:
                    raise
                self._log_uncalibrated(error.metadata.get("resource", model))
                min_precision = 0.0
            else:
                return _classification(answer, has_precision=min_precision > 0)
        raise AssertionError("the last attempt returns or raises")

    async def labels(self, model: str, texts: Sequence[str]) -> list[frozenset[str]]:
        """Return the predicted labels of several texts, in order."""
        return [frozenset((await self.classify(model, text)).guess.labels) for text in texts]

    async def submit_feedback(self, model: str, request_id: str, *, labels: Sequence[str], comment: str) -> None:
        """Say what is right about an answer, without its text.

        Raises:
            NotFoundError: The deployment does not exist, or has not captured the request.
        """
        await self._call(
            lambda: self._client.submit_feedback(
                model, request_id, labels=labels, comment=comment, allow_new_labels=True
            )
        )

    async def delete_captured(self, deployment: str, request_ids: Sequence[str]) -> None:
        """Delete captured requests with their feedback. Those that were not captured are ignored.

        Raises:
            NotFoundError: The deployment does not exist.
            PermissionDeniedError: The key has not the scope `write`.
        """
        await self._call(lambda: self._client.delete_captured_requests(deployment, request_ids=request_ids))

    async def identity(self) -> str:
        """Return the id of the tenant that the key belongs to."""
        who = await self._call(self._client.who_am_i)
        return who.tenant.rsplit("/", 1)[-1]

    async def deployment(self, serving_name: str) -> Deployment | None:
        """Return the deployment with a serving name, or None if there is none."""
        deployments = await self._call(self._client.list_deployments)
        return next((item for item in deployments if item.serving_name == serving_name), None)

    async def tuned_model(self, name: str) -> TunedModel:
        """Return a tuned model by its resource name."""
        return await self._call(lambda: self._client.get_tuned_model(name))

    async def has_dataset(self, name: str) -> bool:
        """Return whether a dataset with this resource name exists."""
        try:
            await self._call(lambda: self._client.get_dataset(name))
        except NotFoundError:
            return False
        return True

    async def rows(self, dataset: str) -> list[tuple[str, str]]:
        """Return the inputs and outputs of a dataset."""
        rows = await self._call(lambda: self._client.list_dataset_rows(dataset))
        return [(row.input, row.output) for row in rows]

    async def ensure_dataset(self, display_name: str, rows: Sequence[Mapping[str, str]], description: str) -> Dataset:
        """Upload rows under a display name unique to them, or return the dataset that was uploaded under it before."""
        known = await self._call(self._client.list_datasets)
        for dataset in known:
            if dataset.display_name == display_name:
                return dataset
        return await self._call(
            lambda: self._client.upload_dataset(
                list(rows), display_name=display_name, description=description, task="classification"
            )
        )

    async def ensure_experiment(
        self,
        id: str,
        *,
        dataset: str,
        display_name: str,
        like: TunedModel | None,
        num_epochs: int | None,
        tags: Mapping[str, str],
    ) -> TuneExperiment:
        """Queue a run under an id, or return the existing one.

        The run starts from scratch. From the tensors of `like` it would need a quarter of the updates for the same
        score, but it would begin with the answers that people have corrected since.

        Args:
            like: Model whose base model, method and verbalizer the run uses. Default: the service's defaults.
        """
        try:
            return await self._call(
                lambda: self._client.create_tune_experiment(
                    dataset,
                    display_name=display_name,
                    base_model=like.base_model if like else "",
                    task="classification",
                    tuning_type=like.tuning_type if like else "",
                    verbalizer=like.verbalizer if like else "",
                    evaluate_base=False,  # only the comparison with the serving model matters
                    parameters=TuneParameters(num_epochs=num_epochs),
                    tags=tags,
                    tune_experiment_id=id,
                )
            )
        except AlreadyExistsError:
            return await self.experiment(id)

    async def experiment(self, id: str) -> TuneExperiment:
        """Return a run, with its learning curve."""
        return await self._call(lambda: self._client.get_tune_experiment(id))

    async def promote(self, deployment: Deployment, model: str) -> Deployment:
        """Deploy another model under a serving name, and wait until it serves.

        Raises:
            FailedPreconditionError: The policy of the space refuses the model (POLICY_NOT_MET), or needs an evaluation
                first (POLICY_NOT_EVALUATED), or the model did not pass its probe.
        """
        return await self._call(
            lambda: self._client.update_deployment(deployment, model=model, etag=deployment.etag, wait=True)
        )

    async def ensure_policy_evaluation(self, id: str, refusal: FailedPreconditionError) -> Evaluation:
        """Queue the evaluation without which the policy refuses a model, or return the existing one.

        Args:
            id: Id of the evaluation.
            refusal: The error of `promote`.
        """
        try:
            return await self._call(lambda: self._client.create_policy_evaluation(refusal, evaluation_id=id))
        except AlreadyExistsError:
            return await self._call(lambda: self._client.get_evaluation(id))

    async def roll_back(self, deployment: Deployment, revision: int) -> Deployment:
        """Roll a deployment back to an earlier revision."""
        return await self._call(lambda: self._client.rollback_deployment(deployment, revision))

    async def learning_curve(self, experiment: str) -> bytes:
        """Return the learning curve as a PNG picture."""

        def draw() -> bytes:
            import io

            picture = io.BytesIO()
            self._client.plot_learning_curve(experiment).savefig(picture, format="png", dpi=110)
            return picture.getvalue()

        return await self._call(draw)

    def _log_uncalibrated(self, model: str) -> None:
        if model not in self._uncalibrated:
            self._uncalibrated.add(model)
            _log.warning(
                "model_uncalibrated", model=model, remedy="tune it with held-out rows, or set min_precision: 0"
            )

    async def _classify(self, model: str, text: str, abstain_below: float, min_precision: float) -> ClassifyResult:
        return await self._call(
            lambda: self._client.classify(
                model,
                text,
                threshold=abstain_below or None,
                min_precision=min_precision or None,
                top_n=_TOP_LABEL_SETS,
                timeout_seconds=self._classify_seconds,
            )
        )

    async def _call(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _classification(answer: ClassifyResult, *, has_precision: bool) -> Classification:
    best = answer.label_sets[0] if answer.label_sets else None
    guess = Guess(
        labels=best.labels if best else answer.labels,
        probability=best.probability if best else 0.0,
        scores=dict(answer.label_probabilities),
        model_version=answer.model_version,
        threshold=answer.threshold if has_precision else 0.0,
    )
    return Classification(guess=guess, label_sets=answer.label_sets, request_id=answer.request_id)
