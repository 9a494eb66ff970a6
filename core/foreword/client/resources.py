"""The resources of the API as frozen dataclasses, which the client returns.

Values without a resource name (reports, evaluations, parameters, token counts) are those of `foreword.domain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from foreword.client.policy_resources import DeployPolicy, DeployVerdict
from foreword.client.rollout_resources import Rollout
from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.base_model import Architecture
from foreword.domain.capture import CAPTURES_NOTHING, CapturePolicy, CaptureProvenance
from foreword.domain.deployment import DeploymentState, RevisionState, Stage
from foreword.domain.experiment import TaskOptions
from foreword.domain.failure import Failure
from foreword.domain.inference import LabelSet, StopReason, Token, TokenUsage
from foreword.domain.job import JobState
from foreword.domain.parameters import ParameterSpec, TuneParameters
from foreword.domain.report import DataReport, Finding, MetricSpec, SystemEvaluation
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.tenant import Scope


class PluginState(Enum):
    """State of an installed plugin."""

    LOADED = "loaded"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """A frozen language model provided by an installed plugin.

    Attributes:
        context_tokens: Maximum length of the input in tokens, including the soft prompt.
        recipes: Values for parameters that an experiment leaves unset, by tuning type.
    """

    name: str
    display_name: str
    description: str
    architecture: Architecture
    context_tokens: int
    hidden_size: int
    parameter_count: int
    licence: str
    tunable: bool
    recipes: Mapping[str, TuneParameters]
    aliases: tuple[str, ...]
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of work that a tuned model does. If `closed`, answers come from a closed set of labels."""

    id: str
    display_name: str
    description: str
    default_verbalizer: str
    closed: bool
    options: tuple[ParameterSpec, ...]
    metrics: tuple[MetricSpec, ...]
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningMethod:
    """A tuning method.

    Attributes:
        parameters: Parameters of this method beyond the common ones.
        unused_parameters: Common parameters without effect; an experiment that sets one is refused.
    """

    id: str
    display_name: str
    description: str
    parameters: tuple[ParameterSpec, ...]
    plugin: str
    unused_parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters that all models have in common.

    Attributes:
        tune_parameters: Parameters of an experiment; the base model's recipe overrides the defaults.
        generate_parameters: Parameters of a request; a dot in a name separates a message from its field.
    """

    tune_parameters: tuple[ParameterSpec, ...]
    generate_parameters: tuple[ParameterSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValidator:
    """A check of dataset rows."""

    id: str
    description: str
    plugin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """An installed plugin, loaded or not.

    Attributes:
        error: Reason why the plugin is not in use; empty if it is.
        provides: What the plugin registered, such as `task:classification`.
        left_out: What the plugin cannot provide, each with problem and remedy.
    """

    id: str
    distribution: str
    version: str
    module: str
    state: PluginState
    error: str
    provides: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """An immutable version of rows.

    Attributes:
        report: None if the dataset was listed.
        reused: Whether an upload with `reuse_identical` found it stored already.
        unlabelled: Whether the rows have no outputs, so that only batch jobs accept them.
        captured_from: Which captured requests the rows are; None for a file that was uploaded.
    """

    name: str
    display_name: str
    description: str
    version: int
    content_sha256: str
    row_count: int
    byte_size: int
    report: DataReport | None
    creator: str
    create_time: datetime | None
    reused: bool = field(default=False, compare=False)
    unlabelled: bool = False
    captured_from: CaptureProvenance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunePlan:
    """The plan of an experiment.

    Attributes:
        parameters: Every parameter with its value.
        sources: Source of each parameter by name: `set`, `recipe`, `default`, `few_rows`, `many_rows`, `long_run`,
            `validation_dataset` or `tuned_model`.
        planned_updates: Number of updates of the prompt, including those of a refit.
        estimated_seconds: Run time on one worker whose machine does nothing else, estimated from the speed of earlier
            runs of all tenants or, if there are none, of one layer of the base model's width; 0 if its size is unknown.
    """

    parameters: TuneParameters
    sources: Mapping[str, str]
    training_row_count: int
    validation_row_count: int
    planned_updates: int
    trainable_parameter_count: int
    estimated_seconds: float
    estimated_capacity_unit_hours: float
    warnings: tuple[Finding, ...]
    labels: tuple[str, ...]
    multi_label: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneProgress:
    """Progress of a run.

    Attributes:
        percent: In [0, 100].
        loss: Training loss of the newest snapshot in nats per token; None before the first.
        remaining_seconds: None while unknown.
        phase: `loading`, `tuning`, `refitting`, `evaluating`, `storing`, or `waiting` between two turns at a worker; a
            newer service may have more phases.
    """

    percent: float = 0.0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: int = 0
    loss: float | None = None
    remaining_seconds: float | None = None
    phase: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSnapshot:
    """One point of the learning curve. Losses are in nats per token.

    Attributes:
        validation_loss: Held-out loss; None except at the end of an epoch.
        validation_metric: Held-out value of the task's main metric; None except at the end of an epoch.
        phase: `tuning` or `refitting`.
    """

    sequence: int
    step: int
    epoch: float
    loss: float
    validation_loss: float | None
    validation_metric: float | None
    learning_rate: float
    examples_per_second: float
    phase: str
    create_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneExperiment:
    """A tuning run.

    Attributes:
        validation_dataset: Resource name of the dataset whose rows are held out; empty if a share of `dataset` is.
        failure: Reason why the run failed; None if it has not.
        snapshots: The learning curve, oldest first; empty if listed, only the new snapshots if watched.
        evaluations: Held-out results, the tuned model first.
        curve_advice: One sentence of advice about the learning curve.
        suspect_rows: Rows that look mislabelled; None until the run has succeeded, and if listed without results.
        tuned_model: Resource name of the tuned model; empty until the run has succeeded.
        capacity_unit_hours: Compute time used so far, in hours of one worker.
        wait_seconds: Time that the run has waited between its turns, while runs of other tenants had its worker.
        wait_start_time: Time since which it waits for a worker; None while a worker has it, and after its end.
        tune_sweep: Resource name of the sweep of which it is a trial; empty if it is none.
        tags: Texts by key, to search by.
        retry_of: Resource name of the experiment that it repeats; empty if it is no retry.
        resumed_step: Number of updates that a retry has taken over from a checkpoint; 0 if it runs from the beginning.
    """

    name: str
    display_name: str
    description: str
    base_model: str
    dataset: str
    validation_dataset: str = ""
    task: str
    task_options: TaskOptions
    tuning_type: str
    verbalizer: str
    parameters: TuneParameters
    instruction: str
    evaluate_base: bool
    plan: TunePlan
    state: JobState
    failure: Failure | None
    progress: TuneProgress
    snapshots: tuple[TuneSnapshot, ...]
    evaluations: tuple[SystemEvaluation, ...]
    curve_advice: str
    suspect_rows: SuspectRows | None = None
    tuned_model: str
    capacity_unit_hours: float
    wait_seconds: float
    tune_sweep: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    retry_of: str = ""
    resumed_step: int = 0
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    wait_start_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """The result of an experiment. `evaluations` is empty if the model was listed.

    Attributes:
        answer_calibration: Calibration of the probabilities of `classify`; None for an open task, and if no rows were
            held out.
        tags: Texts by key, to search by: those of its experiment when it was stored, until they are changed.
    """

    name: str
    display_name: str
    base_model: str
    tune_experiment: str
    dataset: str
    task: str
    tuning_type: str
    verbalizer: str
    labels: tuple[str, ...]
    multi_label: bool
    num_virtual_tokens: int
    byte_size: int
    content_sha256: str
    provenance: Mapping[str, str]
    evaluations: tuple[SystemEvaluation, ...]
    creator: str
    create_time: datetime | None
    answer_calibration: AnswerCalibration | None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A group of deployments, for development or for production.

    Attributes:
        policy: Condition that models must meet before they are deployed here; None for none.
        warnings: Warnings, such as that a production space has no policy.
    """

    name: str
    display_name: str
    stage: Stage
    description: str
    tags: tuple[str, ...]
    policy: DeployPolicy | None
    etag: str
    warnings: tuple[Finding, ...]
    creator: str
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRevision:
    """A model that a deployment serves, served or is about to serve.

    Attributes:
        probe_effect: Largest change in a token's log-probability caused by the adapter in the probe, in nats.
        rollout: How it gets its traffic; None if it was to serve all requests at once.
        verdict: Why the policy of the space accepted the model; None if it was not checked.
    """

    revision: int
    model: str
    state: RevisionState
    failure: Failure | None
    probe_effect: float
    create_time: datetime | None
    rollout: Rollout | None = None
    verdict: DeployVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A serving name that points to a model.

    Attributes:
        model: Model of the revision that is served, or of the newest revision if none is.
        failure: Reason why the newest revision is not served; None unless it failed or was rolled back by its figures.
        serving_revision: Number of the revision that is served; 0 if none is.
        candidate_revision: Number of the revision whose rollout waits for its probe or runs; 0 if there is none.
        capture: Which requests are captured, and how long they are kept.
        revisions: Newest first.
    """

    name: str
    display_name: str
    serving_name: str
    description: str
    tags: tuple[str, ...]
    model: str
    state: DeploymentState
    failure: Failure | None
    serving_revision: int
    revisions: tuple[DeploymentRevision, ...]
    creator: str
    create_time: datetime | None
    update_time: datetime | None
    etag: str
    candidate_revision: int = 0
    capture: CapturePolicy = CAPTURES_NOTHING

    @property
    def candidate(self) -> DeploymentRevision | None:
        """The revision whose rollout waits or runs; None if there is none."""
        return next((item for item in self.revisions if item.revision == self.candidate_revision), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateResult:
    """A finished answer.

    Attributes:
        seed: Seed that repeats the answer if passed as `random_seed`.
        model_version: The model behind the serving name.
        input_text: The input after templates and before truncation; None unless requested.
        input_tokens: Tokens of the input after truncation; empty unless requested.
        generated_tokens: Tokens of the answer; empty unless requested.
        request_id: Id of this answer, for `submit_feedback`.
    """

    text: str
    stop_reason: StopReason
    usage: TokenUsage
    seed: int
    model_version: str
    input_text: str | None = None
    input_tokens: tuple[Token, ...] = ()
    generated_tokens: tuple[Token, ...] = ()
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratePiece:
    """A piece of a streamed answer. The last piece has the whole answer as its `result`."""

    text: str
    result: GenerateResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyResult:
    """Labels with their probabilities.

    Attributes:
        labels: The most likely label set; empty if abstained.
        label_probabilities: For each label, its probability relative to all label sets that were scored.
        label_sets: The most likely label sets, the most likely first.
        abstained: Whether the most likely label set did not reach the threshold.
        threshold: Probability that it had to reach; None if no probability is known to keep `min_precision`.
        request_id: Id of this answer, for `submit_feedback`.
    """

    labels: tuple[str, ...]
    label_probabilities: Mapping[str, float]
    label_sets: tuple[LabelSet, ...]
    abstained: bool
    usage: TokenUsage
    model_version: str
    threshold: float | None = None
    request_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeResult:
    """A token count. `part_token_counts` has the count of each part of a structured prompt."""

    token_count: int
    tokens: tuple[str, ...]
    part_token_counts: Mapping[str, int]
    soft_prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The tenant and the scopes of a key. `api_key` is empty for the development key."""

    tenant: str
    api_key: str
    scopes: frozenset[Scope]
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An owner of resources, isolated from all other tenants."""

    name: str
    display_name: str
    create_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key of a tenant. `secret` is set only in the answer to the creation of the key."""

    name: str
    display_name: str
    scopes: frozenset[Scope]
    expire_time: datetime | None
    secret: str
    create_time: datetime | None

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, secret={'***' if self.secret else ''!r})"
