"""The deploy gate: whether the policy of a space accepts a model. Methods block."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.deploy_policy import (
    NO_POLICY,
    Admission,
    DeployPolicy,
    DeployVerdict,
    PolicyFigures,
    VerdictOutcome,
    in_words,
    policy_figures,
    shortfall,
)
from foreword.domain.evaluation import EvaluatedSystem, EvaluationConfig
from foreword.domain.model_reference import ModelReference, model_name
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.names import BaseModelName, DatasetName, EvaluationName, SpaceName
from foreword.plugin.manager import PluginManager
from foreword.server.plans.evaluation_warnings import TUNED_ON_ROWS
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class Force:
    """The wish of an administrator to deploy a model that does not meet the policy.

    Attributes:
        reason: Why.
        by: Id of the API key.
    """

    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A model and its baseline.

    Attributes:
        tuned: The tuned model among them, which determines the task: the model, or else the baseline.
    """

    model: ModelReference
    baseline: ModelReference
    tuned: TunedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What the evaluations say about a model.

    Attributes:
        is_evaluated: Whether the finding stands without another evaluation.
        evaluation: Id of the evaluation that decides; None if there is none.
        explanation: The finding in words, with the remedy if the policy is not met.
    """

    is_met: bool
    is_evaluated: bool = True
    evaluation: str | None = None
    figures: PolicyFigures | None = None
    explanation: str


class DeployGate:
    """The gate through which models enter spaces with a policy."""

    def __init__(self, *, database: Database, plugins: PluginManager) -> None:
        self._database = database
        self._plugins = plugins

    def admit(
        self,
        tenant: str,
        space: str,
        model: ModelReference,
        *,
        deployment: str | None = None,
        force: Force | None = None,
        validate_only: bool = False,
    ) -> Admission:
        """Return why a model may be deployed. A refusal that rests on an evaluation is published as an event.

        Args:
            deployment: Id of the deployment that is to be updated; None for a new one.
            force: Set if an administrator wants the model to be deployed in any case.
            validate_only: Whether the model would not be deployed anyway, so that a refusal is no event.

        Raises:
            NotFoundError: The space, the deployment or the tuned model does not exist.
            FailedPreconditionError: The model does not meet the policy, or was not evaluated for it.
        """
        policy = SpaceRepository(self._database, tenant).get(space).policy
        if policy is None:
            return NO_POLICY
        serving = None
        if deployment is not None:
            found = DeploymentRepository(self._database, tenant).get(space, deployment)
            serving = None if found.serving is None else found.serving.model
            if model == found.intended_model:
                return Admission(policy=policy, serving=serving, is_known=True)
        pair = self._pair(tenant, model, serving)
        if pair is None:
            return Admission(policy=policy, serving=serving)
        finding = self._finding(tenant, policy, pair)
        if not finding.is_met and force is None:
            if finding.is_evaluated and not validate_only:
                DeploymentRepository(self._database, tenant).publish_refusal(
                    space,
                    deployment,
                    policy=policy,
                    model=pair.model,
                    baseline=pair.baseline,
                    evaluation=finding.evaluation,
                    figures=finding.figures,
                )
            raise self._refusal(tenant, space, policy, pair, finding)
        forced = force if not finding.is_met else None
        verdict = DeployVerdict(
            outcome=VerdictOutcome.FORCED if forced else VerdictOutcome.PASSED,
            policy=policy,
            baseline=pair.baseline,
            evaluation=finding.evaluation,
            figures=finding.figures,
            explanation=finding.explanation,
            force_reason=forced.reason if forced else "",
            forced_by=forced.by if forced else "",
        )
        return Admission(policy=policy, serving=serving, verdict=verdict)

    def _pair(self, tenant: str, model: ModelReference, serving: ModelReference | None) -> _Pair | None:
        """Return a model with its baseline; None if it is a base model that replaces no tuned model.

        A serving model that was deleted cannot be evaluated any more, so it is no baseline.
        """
        models = TunedModelRepository(self._database, tenant)
        served = None
        if serving is not None and serving.tuned_model is not None:
            try:
                served = models.get(serving.tuned_model)
            except NotFoundError:
                serving = None
        if model.tuned_model is None:
            return None if serving is None or served is None else _Pair(model=model, baseline=serving, tuned=served)
        tuned = models.get(model.tuned_model)
        return _Pair(model=model, baseline=serving or ModelReference(base_model=tuned.base_model), tuned=tuned)

    def _finding(self, tenant: str, policy: DeployPolicy, pair: _Pair) -> _Finding:
        if pair.model.tuned_model is not None and self._has_seen(pair.tuned, policy.dataset):
            explanation = (
                "It, or a model that it started from, was tuned on the rows of the policy, or they chose its best "
                "epoch, so its figures say nothing about other texts. Use other rows for tuning and validation, or ask "
                "an administrator for a policy with another dataset."
            )
            return _Finding(is_met=False, explanation=explanation)
        evaluation = EvaluationRepository(self._database, tenant).find_newest(
            policy.dataset, lambda config: self._systems(config, pair) is not None
        )
        if evaluation is None:
            return _Finding(is_met=False, is_evaluated=False, explanation="It was not evaluated.")
        systems = self._systems(evaluation.config, pair)
        assert systems is not None
        figures = policy_figures(policy, evaluation.results, *(system.id for system in systems))
        if figures is None:
            explanation = (
                f"The evaluation {evaluation.id} does not compare it with {_shown(pair.baseline)} by {policy.metric}. "
                f"Ask an administrator for a policy with a metric of the task {evaluation.config.task}."
            )
            return _Finding(is_met=False, evaluation=evaluation.id, explanation=explanation)
        missing = shortfall(policy, figures)
        seen = (f"Warning: {item.message}" for item in evaluation.config.warnings if item.code == TUNED_ON_ROWS)
        figures_in_words = in_words(policy, figures, _shown(pair.baseline))
        explanation = " ".join(filter(None, [f"{figures_in_words}.", missing, *seen]))
        return _Finding(is_met=not missing, evaluation=evaluation.id, figures=figures, explanation=explanation)

    def _has_seen(self, model: TunedModel, dataset: str) -> bool:
        """Return whether a model, or one that it started from, has seen a dataset or one of the same content."""
        content = DatasetRepository(self._database, model.tenant).get(dataset).content_sha256
        return model.dataset == dataset or content in model.seen_datasets

    def _systems(self, config: EvaluationConfig, pair: _Pair) -> tuple[EvaluatedSystem, EvaluatedSystem] | None:
        """Return the systems of a model and its baseline; None if an evaluation does not compare them."""
        task = self._plugins.tasks.get(config.task)
        closed = task is not None and task.closed
        found = [
            next((system for system in config.systems if self._is(system, model, closed=closed)), None)
            for model in (pair.model, pair.baseline)
        ]
        model, baseline = found
        if model is None or baseline is None or config.systems[0] not in (model, baseline):
            return None
        return model, baseline

    def _is(self, system: EvaluatedSystem, model: ModelReference, *, closed: bool) -> bool:
        """Return whether a system is a model that is asked as the gate needs it.

        Args:
            closed: Whether the answers of a base model have to be restricted to label sets.
        """
        if system.base_revision != self._revision(system.base_model):
            return False
        if model.tuned_model is not None or system.tuned_model is not None:
            return system.tuned_model == model.tuned_model
        is_plain = not (system.shots or system.instruction or system.verbalizer)
        return system.base_model == model.base_model and is_plain and system.constrained == closed

    def _revision(self, base_model: str) -> str | None:
        """Return the revision of the installed weights; None if the base model is not installed."""
        try:
            return self._plugins.base_model(base_model).spec.revision
        except NotFoundError:
            return None

    def _refusal(
        self, tenant: str, space: str, policy: DeployPolicy, pair: _Pair, finding: _Finding
    ) -> FailedPreconditionError:
        task = self._plugins.tasks.get(pair.tuned.task)
        constrained = task is not None and task.closed
        facts = {
            "resource": str(SpaceName(tenant, space)),
            "model": model_name(tenant, pair.model),
            "baseline": model_name(tenant, pair.baseline),
            "dataset": str(DatasetName(tenant, policy.dataset)),
            "constrained": str(constrained).lower(),
            "metric": policy.metric,
            "margin": f"{policy.margin:g}",
            "min_row_count": str(policy.min_row_count),
        }
        model = _shown(pair.model)
        if not finding.is_evaluated:
            has_base = pair.model.base_model is not None or pair.baseline.base_model is not None
            option = " --constrained" if constrained and has_base else ""
            return FailedPreconditionError(
                f"The policy of the space {space} needs an evaluation of {model} against its baseline, and none has "
                f"succeeded with the installed weights. Run it with: foreword evaluate {policy.dataset} --system "
                f"{model} --system {_shown(pair.baseline)}{option}. Or deploy with --evaluate, which runs it.",
                reason="POLICY_NOT_EVALUATED",
                metadata=facts,
            )
        if finding.evaluation is not None:
            facts["evaluation"] = str(EvaluationName(tenant, finding.evaluation))
        figures = finding.figures
        if figures is not None:
            facts |= {
                "value": f"{figures.value:.6g}",
                "baseline_value": f"{figures.baseline_value:.6g}",
                "difference": f"{figures.difference:.6g}",
                "row_count": str(figures.row_count),
            }
            if figures.interval is not None:
                facts |= {"lower": f"{figures.interval.lower:.6g}", "upper": f"{figures.interval.upper:.6g}"}
        return FailedPreconditionError(
            f"The policy of the space {space} refuses {model}: {finding.explanation}",
            reason="POLICY_NOT_MET",
            metadata=facts,
        )


def _shown(model: ModelReference) -> str:
    """Return a model as the command line takes it: the id of a tuned model, `baseModels/NAME` for a base model."""
    if model.tuned_model is not None:
        return model.tuned_model
    assert model.base_model is not None
    return str(BaseModelName(model.base_model))
