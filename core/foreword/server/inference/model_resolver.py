"""Resolution of the `model` of a request to the data that the engine needs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from foreword.domain.canary_wait import longest_wait_seconds
from foreword.domain.deployment import Deployment, DeploymentState
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import CanaryPlan, ShadowPlan
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError, ForewordError, NotFoundError
from foreword.inference.interfaces import AdapterReference
from foreword.names import BaseModelName, DeploymentName, TunedModelName, is_serving_name
from foreword.plugin.manager import PluginManager
from foreword.server.callers.auth import require_own
from foreword.server.calls.pools import READ_SECONDS
from foreword.server.calls.recent import RecentCache
from foreword.server.inference.capture_point import CapturePoint
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.turns.turn_pool import TurnPool

_MAX_AGE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRollout:
    """A rollout that gets a share of the requests.

    Attributes:
        revision: Number of the revision that is being rolled out.
        candidate: Its model, or the error that every request to it raises.
        longest_wait_seconds: Time for which a caller without a deadline waits for a canary; see `longest_wait_seconds`.
    """

    deployment: DeploymentName
    revision: int
    plan: CanaryPlan | ShadowPlan
    candidate: ResolvedModel | ForewordError
    longest_wait_seconds: float = 0.0

    def chooses(self, request_id: str) -> bool:
        """Return whether a request belongs to the share. The same id always gives the same answer.

        Each rollout chooses other requests, so that the same ids are not the first to meet every new revision.
        """
        text = f"{self.deployment}/{self.revision}/{request_id}"
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
        return number < self.plan.share * 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where the requests for a model go: to the stable model, and a share of them to a revision that is rolled out.

    Attributes:
        capture: The deployment that captures some of them; None if none does.
    """

    stable: ResolvedModel
    rollout: RunningRollout | None = None
    capture: CapturePoint | None = None


class ModelResolver:
    """A resolver of the model names in requests. It caches each result for a second of `clock`."""

    def __init__(
        self,
        *,
        database: Database,
        plugins: PluginManager,
        storage: TurnPool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._database = database
        self._plugins = plugins
        self._recent: RecentCache[tuple[str, str], Route] = RecentCache(_MAX_AGE_SECONDS, clock=clock)

    async def find(self, tenant: str, model: str) -> ResolvedModel:
        """Find the model of a serving name, a deployment, a tuned model, a base model or an alias.

        Of a deployment, it is the model of the revision in service. The errors are those of `route`.
        """
        return (await self.route(tenant, model)).stable

    async def route(self, tenant: str, model: str) -> Route:
        """Find out where the requests for a model go.

        Raises:
            NotFoundError: No model in this tenant has that name.
            InvalidArgumentError: The text is not a valid name.
            FailedPreconditionError: The deployment is not ready, or something that its model needs is missing.
        """
        if model.startswith("baseModels/"):
            return Route(stable=self._base_model(BaseModelName.parse(model, "model").model))
        if model.startswith("tenants/"):
            name = TunedModelName if "/tunedModels/" in model else DeploymentName
            require_own(name.parse(model, "model").tenant, model)
        return await self._recent.get(
            (tenant, model), lambda: self._storage.run(tenant, READ_SECONDS, self._find, tenant, model)
        )

    def forget(self) -> None:
        """Drop all cached results after a change. Changes are rare, so there is no need to be selective."""
        self._recent.clear()

    def resolve(self, tenant: str, model: ModelReference) -> ResolvedModel:
        """Resolve a deployment's model. Blocks.

        Raises:
            FailedPreconditionError: The tuned model was deleted, its base model or task is not installed, or the base
                model now has different weights.
        """
        if model.base_model is not None:
            return self._installed(model.base_model, str(BaseModelName(model.base_model)))
        assert model.tuned_model is not None
        name = str(TunedModelName(tenant, model.tuned_model))
        try:
            tuned = TunedModelRepository(self._database, tenant).get(model.tuned_model)
        except NotFoundError:
            raise FailedPreconditionError(
                f"{name} was deleted, so its deployment cannot be used. Update the deployment to another model.",
                reason="MODEL_DELETED",
                metadata={"resource": name},
            ) from None
        return self._tuned_model(tuned)

    def _find(self, tenant: str, model: str) -> Route:
        if not model.startswith("tenants/"):
            return self._by_serving_name(tenant, model)
        if "/tunedModels/" in model:
            name = TunedModelName.parse(model, "model")
            tuned = TunedModelRepository(self._database, tenant).get(name.tuned_model)
            return Route(stable=self._tuned_model(tuned))
        deployment = DeploymentName.parse(model, "model")
        return self._deployment(
            DeploymentRepository(self._database, tenant).get(deployment.space, deployment.deployment)
        )

    def _by_serving_name(self, tenant: str, model: str) -> Route:
        """Return the deployment with that serving name, or else the base model with that id or alias."""
        if is_serving_name(model):
            try:
                return self._deployment(DeploymentRepository(self._database, tenant).find(model))
            except NotFoundError:
                pass
        try:
            return Route(stable=self._base_model(model))
        except NotFoundError:
            raise NotFoundError(
                f"{model[:128]} is neither a serving name of your tenant nor a base model. Check the name.",
                metadata={"resource": model[:128]},
            ) from None

    def _deployment(self, deployment: Deployment) -> Route:
        serving = deployment.serving
        if serving is not None:
            called = deployment.serving_name or deployment.id
            resolved = self.resolve(deployment.tenant, serving.model)
            return Route(
                stable=replace(resolved, deployment=called, revision=serving.number),
                rollout=self._rollout(deployment, called),
                capture=_capture(deployment, called),
            )
        name = str(DeploymentName(deployment.tenant, deployment.space, deployment.id))
        failure = deployment.revisions[0].failure
        if deployment.state is DeploymentState.FAILED and failure is not None:
            raise FailedPreconditionError(
                f"{name} did not pass its probe: {failure.message} Then update the deployment to a model that works.",
                reason="DEPLOYMENT_FAILED",
                metadata={"resource": name, "cause": failure.reason},
            )
        raise FailedPreconditionError(
            f"{name} is being loaded and probed. Wait until its state is READY.",
            reason="DEPLOYMENT_NOT_READY",
            metadata={"resource": name},
        )

    def _rollout(self, deployment: Deployment, called: str) -> RunningRollout | None:
        candidate = deployment.candidate
        if candidate is None or candidate.rollout is None:
            return None
        plan, figures = candidate.rollout.plan, candidate.rollout.figures
        resolved: ResolvedModel | ForewordError
        try:
            found = self.resolve(deployment.tenant, candidate.model)
            resolved = replace(found, deployment=called, revision=candidate.number)
        except ForewordError as error:  # must not affect the requests of the revision in service
            resolved = error
        return RunningRollout(
            deployment=DeploymentName(deployment.tenant, deployment.space, deployment.id),
            revision=candidate.number,
            plan=plan,
            candidate=resolved,
            longest_wait_seconds=longest_wait_seconds(plan, figures.stable) if isinstance(plan, CanaryPlan) else 0.0,
        )

    def _tuned_model(self, tuned: TunedModel) -> ResolvedModel:
        name = str(TunedModelName(tuned.tenant, tuned.id))
        base = self._installed(tuned.base_model, name)
        task = self._plugins.tasks.get(tuned.task)
        for missing, noun, id in (
            (task is None, "task", tuned.task),
            (tuned.tuning_type not in self._plugins.tuning_methods.items, "tuning method", tuned.tuning_type),
        ):
            if missing:
                raise FailedPreconditionError(
                    f"{name} needs the {noun} {id}, which is not installed. Install its plugin.",
                    reason="PLUGIN_MISSING",
                    metadata={"resource": name},
                )
        assert task is not None
        revision = self._plugins.base_model(tuned.base_model).spec.revision
        if tuned.provenance.get("base_model", revision) != revision:
            raise FailedPreconditionError(
                f"{name} was tuned on other weights of {tuned.base_model} than are installed now (revision "
                f"{revision[:12]}), so its answers would be random. Tune it again, or install the former weights.",
                reason="BASE_MODEL_CHANGED",
                metadata={"resource": name, "revision": revision},
            )
        return ResolvedModel(
            version=name,
            base_model=tuned.base_model,
            adapter=AdapterReference(
                tenant=tuned.tenant,
                base_model=tuned.base_model,
                tuning_type=tuned.tuning_type,
                artifact=tuned.artifact,
                content_sha256=tuned.content_sha256,
                config_sha256=tuned.provenance.get("adapter_config", ""),
            ),
            verbalizer=tuned.verbalizer,
            label_space=task.label_space(tuned.schema) if task.closed else None,
            soft_prompt_tokens=tuned.num_virtual_tokens,
            context_tokens=base.context_tokens,
            label_temperature=tuned.label_temperature,
            calibration=tuned.answer_calibration,
        )

    def _installed(self, base_model: str, needed_by: str) -> ResolvedModel:
        """Return a base model that a stored resource refers to."""
        try:
            return self._base_model(base_model)
        except NotFoundError:
            raise FailedPreconditionError(
                f"{needed_by} needs the base model {base_model}, which is not installed. Install its plugin.",
                reason="BASE_MODEL_MISSING",
                metadata={"resource": needed_by},
            ) from None

    def _base_model(self, name: str) -> ResolvedModel:
        spec = self._plugins.base_model(name).spec
        return ResolvedModel(
            version=str(BaseModelName(spec.id)),
            base_model=spec.id,
            adapter=None,
            verbalizer="{{input}}",
            label_space=None,
            soft_prompt_tokens=0,
            context_tokens=spec.context_tokens,
        )


def _capture(deployment: Deployment, called: str) -> CapturePoint | None:
    if not deployment.capture.share:
        return None
    return CapturePoint(
        deployment=DeploymentName(deployment.tenant, deployment.space, deployment.id),
        called=called,
        create_time=deployment.create_time,
        policy=deployment.capture,
    )


def labels_missing(version: str) -> FailedPreconditionError:
    """Return the error for a model that has no labels to choose from."""
    return FailedPreconditionError(
        f"{version} was not tuned for a closed task. Send the labels to choose from in `labels`.",
        reason="LABELS_MISSING",
        metadata={"resource": version},
    )


def calibration_missing(version: str) -> FailedPreconditionError:
    """Return the error for a wanted precision of a model without a calibration."""
    return FailedPreconditionError(
        f"{version} has no calibration, so no threshold is known for `min_precision`. Tune a model for a "
        "closed task with held-out rows (`validation_split` or a validation dataset), or set `threshold` instead.",
        reason="CALIBRATION_MISSING",
        metadata={"resource": version},
    )
