"""The bot's configuration: a YAML file for settings that are not secret; secrets are environment variables.

`deploy/slack/foreword-slack.example.yaml` documents every key. All faults of a file are reported at once, each with the
path of its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from foreword.addresses import is_loopback
from foreword.errors import FieldViolation, InvalidArgumentError

SLACK_URL = "https://slack.com/api/"
_MOST_LABELS = 100  # options of one select menu
_HIGHEST_PRECISION = 0.98  # that of `ClassifyRequest.min_precision`
_ALSO_COMPLAINTS = (
    "is a complaint channel too, so discussions of complaints would be routed as complaints; choose another channel"
)


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)


Channel = Annotated[
    str,
    _matching(r"[CG][A-Z0-9]{2,20}", "the id of a channel, such as C0123ABCD; Slack shows it in the channel's details"),
]
User = Annotated[str, _matching(r"[UW][A-Z0-9]{2,20}", "the id of a person, such as U0123ABCD, from their profile")]
Team = Annotated[str, _matching(r"[TE][A-Z0-9]{2,20}", "the id of a workspace, such as T0123ABCD")]
Variable = Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable")]


def _check_api_url(text: str) -> str:
    parts = urlsplit(text)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not (secure and parts.hostname) or parts.query or parts.fragment:
        raise ValueError("must be the base URL of a Web API, such as https://slack.com/api/")
    return text.rstrip("/") + "/"


ApiUrl = Annotated[str, AfterValidator(_check_api_url)]
Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class ServiceConfig(_Section):
    """The Foreword service.

    Attributes:
        timeout_seconds: Timeout of one call of `Classify`.
        tls_ca: PEM file with the certificates to trust. Default: the file in FOREWORD_TLS_CA, else the system's
            certificates.
    """

    endpoint: str = "127.0.0.1:50051"
    timeout_seconds: Seconds = 10.0
    tls_ca: Path | None = None


class StoreConfig(_Section):
    """The database with the bot's inbox, outbox, complaints and corrections.

    Attributes:
        url: SQLAlchemy URL without a password; overrides `path`.
        path: SQLite file, relative to the working directory unless it is absolute.
    """

    url: str = ""
    path: Path = Path("foreword-slack.db")

    @property
    def place(self) -> str | Path:
        """The URL or path to open the store with."""
        return self.url or self.path.expanduser()


class SlackConfig(_Section):
    """The connection to Slack.

    Attributes:
        mode: `socket` needs no public address; `http` is for production.
        host: Address to listen on with `http`; a proxy in front of it terminates TLS.
        public_url: Public address of the bot with `http`, for installations through OAuth.
        connections: Number of sockets kept open with `socket`; Slack allows 10 per app.
        api_url: Base URL of Slack's Web API; https://slack-gov.com/api/ for GovSlack.
    """

    mode: Literal["socket", "http"] = "socket"
    host: str = "127.0.0.1"
    port: int = Field(default=3000, ge=0, le=65535)
    public_url: str = ""
    connections: int = Field(default=2, ge=1, le=10)
    api_url: ApiUrl = SLACK_URL

    @property
    def site_url(self) -> str:
        """Slack's address without the path of the Web API, for links and installations."""
        return self.api_url.removesuffix("/").removesuffix("api")


class HealthConfig(_Section):
    """The address of `/healthz`, `/readyz` and `/metrics`. Port 0 selects a free one."""

    host: str = "127.0.0.1"
    port: int = Field(default=9466, ge=0, le=65535)


class TimersConfig(_Section):
    """Time limits.

    Attributes:
        tell_waiting_after_seconds: Time that a complaint waits for the service before a reply in its thread says so.
        review_after_seconds: Time that a complaint waits for the service before it goes to the review channel.
        drain_seconds: Time that the work in progress gets to finish when the bot is stopped.
    """

    tell_waiting_after_seconds: Seconds = 60.0
    review_after_seconds: Seconds = 1800.0
    drain_seconds: Seconds = 20.0


class AcknowledgementConfig(_Section):
    """The acknowledgement clock of a department. `escalate_to` is a channel; None means the review channel."""

    remind_after_minutes: float = Field(gt=0, le=43_200)
    escalate_after_minutes: float = Field(gt=0, le=43_200)
    escalate_to: Channel | None = None


class DepartmentConfig(_Section):
    """A department: its label, its channel, and how confident the model must be.

    Attributes:
        name: Name shown to people. Default: the label.
        threshold: Minimum probability of the label. Default: the workspace's.
        acknowledgement: When to remind and escalate. Default: never.
    """

    label: str = Field(min_length=1, max_length=75)
    name: str = Field(default="", max_length=75)
    channel: Channel
    threshold: Probability | None = None
    acknowledgement: AcknowledgementConfig | None = None

    @property
    def title(self) -> str:
        """The name shown to people."""
        return self.name or self.label


class ThresholdsConfig(_Section):
    """Confidence of the model that is required to notify departments.

    Attributes:
        probability: Minimum probability of each predicted label, unless its department has a threshold.
        margin: Minimum difference in probability between the likeliest label set and the next.
        abstain_below: The model abstains if no label set reaches this probability.
        min_precision: Estimated minimum share of right answers among those that notify departments, from the
            probabilities and the held-out rows of the model; 0 disables this. It has no effect on a model without a
            calibration.
    """

    probability: Probability = 0.5
    margin: Probability = 0.1
    abstain_below: Probability = 0.0
    min_precision: float = Field(default=0.7, ge=0, le=_HIGHEST_PRECISION)


class LearningConfig(_Section):
    """Settings of retraining from corrections.

    Attributes:
        propose_after: Number of new corrections and decisions after which a retrain is proposed; 0 disables this.
        most_per_corrector: Maximum number of one person's corrections in a training set.
        minimum_improvement: Minimum gain in the share of exactly right answers for a new model to be offered.
        held_out_share: Share of all judged complaints that is used only for evaluation, never for training.
        minimum_held_out_rows: Minimum number of evaluation rows; with fewer, a comparison would mean nothing, so
            nothing is proposed.
        held_out_dataset: A dataset of the tenant to evaluate with in addition; empty for none.
        dataset: Training rows to start from if those of the served model were deleted; empty for none.
        num_epochs: Number of epochs of the run; None uses the recipe's.
    """

    propose_after: int = Field(default=20, ge=0, le=100_000)
    most_per_corrector: int = Field(default=10, ge=1, le=100_000)
    minimum_improvement: Probability = 0.0
    held_out_share: float = Field(default=0.3, gt=0, lt=1)
    minimum_held_out_rows: int = Field(default=20, ge=1, le=100_000)
    held_out_dataset: str = ""
    dataset: str = ""
    num_epochs: int | None = Field(default=None, ge=1, le=1000)


class DuplicatesConfig(_Section):
    """Detection of duplicates. `similarity` is the estimated Jaccard similarity of the word triples of two texts."""

    window_minutes: float = Field(default=0.0, ge=0, le=43_200)
    similarity: Probability = 0.85


class TeamConfig(_Section):
    """A Slack workspace and its tenant.

    Attributes:
        tenant: The tenant's id; the API key must belong to it.
        api_key_env: Environment variable with an API key of that tenant, with the scopes infer, read and write.
        deployment: Serving name of the deployment that classifies.
        bot_token_env: Environment variable with the bot token, for a workspace that was not installed through OAuth.
        complaint_channels: Channels in which every message of a person is a complaint.
        review_channel: Channel in which people decide on complaints that the model could not route.
        administrators: People who may start a retrain, promote, roll back and change departments and thresholds.
    """

    team: Team
    tenant: str = Field(min_length=1, max_length=63)
    api_key_env: Variable = "FOREWORD_API_KEY"
    deployment: str = Field(min_length=1, max_length=63)
    bot_token_env: Variable = "SLACK_BOT_TOKEN"  # noqa: S105 - the name of a variable
    complaint_channels: tuple[Channel, ...] = Field(min_length=1)
    review_channel: Channel
    departments: tuple[DepartmentConfig, ...] = Field(min_length=1, max_length=_MOST_LABELS)
    administrators: tuple[User, ...] = ()
    thresholds: ThresholdsConfig = ThresholdsConfig()
    learning: LearningConfig = LearningConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()

    @property
    def channels(self) -> frozenset[str]:
        """Every channel that the bot may post to, besides the thread of a complaint from another channel."""
        clocks = (item.acknowledgement for item in self.departments)
        escalations = (item.escalate_to for item in clocks if item is not None and item.escalate_to is not None)
        departments = (item.channel for item in self.departments)
        return frozenset((*self.complaint_channels, self.review_channel, *departments, *escalations))


class BotConfig(_Section):
    """The whole configuration of the bot."""

    service: ServiceConfig = ServiceConfig()
    store: StoreConfig = StoreConfig()
    slack: SlackConfig = SlackConfig()
    health: HealthConfig = HealthConfig()
    timers: TimersConfig = TimersConfig()
    teams: tuple[TeamConfig, ...] = Field(min_length=1)

    def team(self, id: str) -> TeamConfig | None:
        """Return the workspace with an id, or None if it is not configured."""
        return next((item for item in self.teams if item.team == id), None)


def load_config(path: Path) -> BotConfig:
    """Read a configuration file.

    Raises:
        InvalidArgumentError: The file cannot be read or is invalid; lists every fault with the path of its key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise InvalidArgumentError.of(
            str(path), f"cannot be read: {reason}. Pass the file with --config; deploy/slack contains an example"
        ) from None
    return parse_config(text)


def parse_config(text: str) -> BotConfig:
    """Parse the text of a configuration file.

    Raises:
        InvalidArgumentError: The text is invalid; lists every fault with the path of its key.
    """
    try:
        values = yaml.load(text, _StrictLoader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        raise InvalidArgumentError.of("configuration", f"is not valid YAML: {_one_line(error)}") from None
    if not isinstance(values, Mapping):
        raise InvalidArgumentError.of("configuration", "must be a mapping with keys such as service, slack and teams")
    try:
        config = BotConfig.model_validate(_given(values))
    except ValidationError as error:
        raise InvalidArgumentError(_violations(error)) from None
    conflicts = list(_conflicts(config))
    if conflicts:
        raise InvalidArgumentError(conflicts)
    return config


def _conflicts(config: BotConfig) -> Iterator[FieldViolation]:
    """Yield the faults of values that are valid alone but not together."""
    if config.slack.mode == "socket" and config.slack.public_url:
        yield _fault("slack.public_url", "has no effect with `mode: socket`; remove it, or set `mode: http`")
    seen: set[str] = set()
    for number, team in enumerate(config.teams):
        at = f"teams[{number}]"
        if team.team in seen:
            yield _fault(f"{at}.team", f"{team.team} is listed twice; keep one entry for each workspace")
        seen.add(team.team)
        yield from _team_conflicts(at, team)


def _team_conflicts(at: str, team: TeamConfig) -> Iterator[FieldViolation]:
    sources = set(team.complaint_channels)
    if team.review_channel in sources:
        yield _fault(f"{at}.review_channel", _ALSO_COMPLAINTS)
    labels: set[str] = set()
    for number, department in enumerate(team.departments):
        path = f"{at}.departments[{number}]"
        if department.label in labels:
            yield _fault(f"{path}.label", f"{department.label!r} is listed twice; keep one department for each label")
        labels.add(department.label)
        if department.channel in sources:
            yield _fault(f"{path}.channel", _ALSO_COMPLAINTS)
        clock = department.acknowledgement
        if clock is not None and clock.escalate_after_minutes <= clock.remind_after_minutes:
            yield _fault(f"{path}.acknowledgement.escalate_after_minutes", "must be more than remind_after_minutes")


def _given(value: Any) -> Any:
    """Return the values without empty keys, such as a section whose keys are all commented out."""
    if isinstance(value, Mapping):
        return {key: _given(item) for key, item in value.items() if item is not None}
    return [_given(item) for item in value] if isinstance(value, list) else value


class _StrictLoader(yaml.SafeLoader):
    """A YAML loader that rejects duplicate keys, of which YAML silently uses the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping, and reject a duplicate key."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, (key, (key_node, _)) in enumerate(zip(keys, node.value, strict=True)):
            if key in keys[:number]:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} is duplicated", problem_mark=key_node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem}, line {mark.line + 1}, column {mark.column + 1}" if mark is not None else problem


def _violations(error: ValidationError) -> list[FieldViolation]:
    """Return all faults except those that follow from others: a list is too short without its faulty entries."""
    faults = error.errors()
    places = [fault["loc"] for fault in faults]
    return [
        _violation(fault)
        for fault in faults
        if not any(len(place) > len(fault["loc"]) and place[: len(fault["loc"])] == fault["loc"] for place in places)
    ]


def _violation(fault: Any) -> FieldViolation:
    path = ""
    for part in fault["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if fault["type"] == "missing":
        return _fault(path, "is missing; see its description in deploy/slack/foreword-slack.example.yaml")
    if fault["type"] == "extra_forbidden":
        return _fault(path, "is not a known key; see deploy/slack/foreword-slack.example.yaml for all keys")
    message = str(fault["msg"]).removeprefix("Value error, ")
    return _fault(path, f"{message[0].lower()}{message[1:]}, not {_shown(fault['input'])}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _fault(field: str, description: str) -> FieldViolation:
    return FieldViolation(field=field, description=description)
