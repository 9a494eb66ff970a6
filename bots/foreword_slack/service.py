"""The Foreword service as the bot sees it: the only place that calls `foreword.client`.

The client blocks, so every call runs in a thread; one client per workspace, with the key of its tenant.
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
    ForewordError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from foreword_slack.config import ServiceConfig
from foreword_slack.routing import Guess

Result = TypeVar("Result")

_THREADS = 16
_RETRY_SECONDS = 1.0  # the inbox waits longer, and survives a restart while it does
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
    """Whether asking again later may succeed without anybody doing anything about it."""
    return isinstance(error, _TRANSIENT) or error.reason in _TRANSIENT_REASONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """An answer of the model: its guess, and the likeliest label sets to compare it with."""

    guess: Guess
    label_sets: tuple[LabelSet, ...]


class ForewordService:
    """The service, for all workspaces.

    Args:
        config: Where it is.
        api_keys: Secret of the key by team.
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
        """The service as the tenant of a workspace sees it."""
        return TenantService(self._clients[team], self._threads, self._classify_seconds)

    async def close(self) -> None:
        """Ends all calls and closes the connections."""
        for client in self._clients.values():
            client.close()
        await asyncio.to_thread(self._threads.shutdown)


class TenantService:
    """The service for one tenant. Every method raises the errors of `foreword.errors`.

    Args:
        client: With the tenant's key.
        threads: Where calls run.
        classify_seconds: Longest that one `Classify` may take.
    """

    def __init__(self, client: Client, threads: ThreadPoolExecutor, classify_seconds: float) -> None:
        self._client = client
        self._threads = threads
        self._classify_seconds = classify_seconds

    async def classify(self, model: str, text: str, *, abstain_below: float = 0.0) -> Classification:
        """Asks for the labels of a text; of one that is too long for the model, its beginning counts.

        Args:
            model: Serving name, or resource name of a tuned model.
            abstain_below: The model abstains when no label set reaches this probability.
        """
        for _ in range(_MOST_CUTS):
            try:
                return _classification(await self._classify(model, text, abstain_below))
            except InvalidArgumentError as error:
                if error.reason != "TEXT_TOO_LONG" or len(text) < 2:
                    raise
                text = text[: len(text) // 2]
        return _classification(await self._classify(model, text, abstain_below))

    async def labels(self, model: str, texts: Sequence[str]) -> list[frozenset[str]]:
        """The labels of several texts, in order."""
        return [frozenset((await self.classify(model, text)).guess.labels) for text in texts]

    async def identity(self) -> str:
        """Id of the tenant that the key speaks for."""
        who = await self._call(self._client.who_am_i)
        return who.tenant.rsplit("/", 1)[-1]

    async def deployment(self, serving_name: str) -> Deployment | None:
        """The deployment behind a serving name; None when there is none."""
        deployments = await self._call(self._client.list_deployments)
        return next((item for item in deployments if item.serving_name == serving_name), None)

    async def tuned_model(self, name: str) -> TunedModel:
        """A tuned model by its resource name."""
        return await self._call(lambda: self._client.get_tuned_model(name))

    async def has_dataset(self, name: str) -> bool:
        """Whether there is a dataset of this resource name."""
        try:
            await self._call(lambda: self._client.get_dataset(name))
        except NotFoundError:
            return False
        return True

    async def rows(self, dataset: str) -> list[tuple[str, str]]:
        """Inputs and outputs of a dataset."""
        rows = await self._call(lambda: self._client.list_dataset_rows(dataset))
        return [(row.input, row.output) for row in rows]

    async def ensure_dataset(self, display_name: str, rows: Sequence[Mapping[str, str]], description: str) -> Dataset:
        """Uploads rows under a name that belongs to them alone; what was uploaded under it before is taken as it is."""
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
        self, id: str, *, dataset: str, display_name: str, like: TunedModel | None, num_epochs: int | None
    ) -> TuneExperiment:
        """Queues a run under this id, or takes the one that is there.

        Args:
            like: Model whose base model, method and template the run takes over. Default: the service's own.
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
                    evaluate_base=False,  # what counts is the comparison with the model that serves
                    parameters=TuneParameters(num_epochs=num_epochs),
                    tune_experiment_id=id,
                )
            )
        except AlreadyExistsError:
            return await self.experiment(id)

    async def experiment(self, id: str) -> TuneExperiment:
        """A run, with its learning curve."""
        return await self._call(lambda: self._client.get_tune_experiment(id))

    async def promote(self, deployment: Deployment, model: str) -> Deployment:
        """Puts another model behind a serving name, and waits until it serves."""
        return await self._call(
            lambda: self._client.update_deployment(deployment, model=model, etag=deployment.etag, wait=True)
        )

    async def roll_back(self, deployment: Deployment, revision: int) -> Deployment:
        """Points a serving name back to an earlier revision."""
        return await self._call(lambda: self._client.rollback_deployment(deployment, revision))

    async def learning_curve(self, experiment: str) -> bytes:
        """The learning curve as a PNG picture."""

        def draw() -> bytes:
            import io

            picture = io.BytesIO()
            self._client.plot_learning_curve(experiment).savefig(picture, format="png", dpi=110)
            return picture.getvalue()

        return await self._call(draw)

    async def _classify(self, model: str, text: str, abstain_below: float) -> ClassifyResult:
        return await self._call(
            lambda: self._client.classify(
                model,
                text,
                threshold=abstain_below or None,
                top_n=_TOP_LABEL_SETS,
                timeout_seconds=self._classify_seconds,
            )
        )

    async def _call(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def _classification(answer: ClassifyResult) -> Classification:
    best = answer.label_sets[0] if answer.label_sets else None
    guess = Guess(
        labels=best.labels if best else answer.labels,
        probability=best.probability if best else 0.0,
        scores=dict(answer.label_probabilities),
        model_version=answer.model_version,
    )
    return Classification(guess=guess, label_sets=answer.label_sets)
