"""Parsing and formatting of resource names (https://google.aip.dev/122).

tenants/{tenant}
tenants/{tenant}/quota
tenants/{tenant}/apiKeys/{api_key}
tenants/{tenant}/datasets/{dataset}
tenants/{tenant}/tuneExperiments/{tune_experiment}
tenants/{tenant}/tuneSweeps/{tune_sweep}
tenants/{tenant}/evaluations/{evaluation}
tenants/{tenant}/batchJobs/{batch_job}
tenants/{tenant}/tunedModels/{tuned_model}
tenants/{tenant}/spaces/{space}
tenants/{tenant}/spaces/{space}/deployments/{deployment}
tenants/{tenant}/savedPrompts/{saved_prompt}
tenants/{tenant}/savedPrompts/{saved_prompt}/versions/{version}
tenants/{tenant}/webhooks/{webhook}
tenants/{tenant}/webhooks/{webhook}/deliveries/{delivery}
baseModels/{model}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from foreword.errors import InvalidArgumentError

_SEGMENT = r"[A-Za-z0-9_.-]{1,128}"
_ID = re.compile(r"(?!-\Z)[a-z0-9-]{1,63}")  # `-` alone is the wildcard for all ids
_SERVING_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


def _match(pattern: str, text: str, field: str) -> tuple[str, ...]:
    """Return the variable segments of `text`, which must match `pattern`."""
    expression = "/".join(f"({_SEGMENT})" if part.startswith("{") else part for part in pattern.split("/"))
    found = re.fullmatch(expression, text)
    if not text:
        raise InvalidArgumentError.of(field, f"is empty; it must look like {pattern}", reason="NAME_INVALID")
    if found is None:
        shown = text if len(text) <= 80 else text[:80] + "..."
        raise InvalidArgumentError.of(field, f"must look like {pattern}, not {shown!r}", reason="NAME_INVALID")
    return found.groups()


@dataclass(frozen=True, slots=True)
class ResourceName:
    """A resource name that matches a pattern. The fields are its variable segments, in order."""

    pattern: ClassVar[str]

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parse a resource name.

        Args:
            field: Request field with the name, for the error.

        Raises:
            InvalidArgumentError: The text does not match the pattern. The error names `field`.
        """
        return cls(*_match(cls.pattern, text, field))

    @property
    def id(self) -> str:
        """The last segment."""
        found: str = getattr(self, self.pattern.rsplit("/", 1)[1][1:-1])
        return found

    def __str__(self) -> str:
        segments = self.pattern.split("/")
        return "/".join(getattr(self, part[1:-1]) if part.startswith("{") else part for part in segments)


@dataclass(frozen=True, slots=True)
class TenantName(ResourceName):
    """`tenants/{tenant}`."""

    pattern = "tenants/{tenant}"
    tenant: str


@dataclass(frozen=True, slots=True)
class QuotaName(ResourceName):
    """`tenants/{tenant}/quota`."""

    pattern = "tenants/{tenant}/quota"
    tenant: str


@dataclass(frozen=True, slots=True)
class ApiKeyName(ResourceName):
    """`tenants/{tenant}/apiKeys/{api_key}`."""

    pattern = "tenants/{tenant}/apiKeys/{api_key}"
    tenant: str
    api_key: str


@dataclass(frozen=True, slots=True)
class DatasetName(ResourceName):
    """`tenants/{tenant}/datasets/{dataset}`."""

    pattern = "tenants/{tenant}/datasets/{dataset}"
    tenant: str
    dataset: str


@dataclass(frozen=True, slots=True)
class TuneExperimentName(ResourceName):
    """`tenants/{tenant}/tuneExperiments/{tune_experiment}`."""

    pattern = "tenants/{tenant}/tuneExperiments/{tune_experiment}"
    tenant: str
    tune_experiment: str


@dataclass(frozen=True, slots=True)
class TuneSweepName(ResourceName):
    """`tenants/{tenant}/tuneSweeps/{tune_sweep}`."""

    pattern = "tenants/{tenant}/tuneSweeps/{tune_sweep}"
    tenant: str
    tune_sweep: str


@dataclass(frozen=True, slots=True)
class EvaluationName(ResourceName):
    """`tenants/{tenant}/evaluations/{evaluation}`."""

    pattern = "tenants/{tenant}/evaluations/{evaluation}"
    tenant: str
    evaluation: str


@dataclass(frozen=True, slots=True)
class BatchJobName(ResourceName):
    """`tenants/{tenant}/batchJobs/{batch_job}`."""

    pattern = "tenants/{tenant}/batchJobs/{batch_job}"
    tenant: str
    batch_job: str


@dataclass(frozen=True, slots=True)
class TunedModelName(ResourceName):
    """`tenants/{tenant}/tunedModels/{tuned_model}`."""

    pattern = "tenants/{tenant}/tunedModels/{tuned_model}"
    tenant: str
    tuned_model: str


@dataclass(frozen=True, slots=True)
class SpaceName(ResourceName):
    """`tenants/{tenant}/spaces/{space}`."""

    pattern = "tenants/{tenant}/spaces/{space}"
    tenant: str
    space: str


@dataclass(frozen=True, slots=True)
class DeploymentName(ResourceName):
    """`tenants/{tenant}/spaces/{space}/deployments/{deployment}`."""

    pattern = "tenants/{tenant}/spaces/{space}/deployments/{deployment}"
    tenant: str
    space: str
    deployment: str


@dataclass(frozen=True, slots=True)
class SavedPromptName(ResourceName):
    """`tenants/{tenant}/savedPrompts/{saved_prompt}`."""

    pattern = "tenants/{tenant}/savedPrompts/{saved_prompt}"
    tenant: str
    saved_prompt: str


@dataclass(frozen=True, slots=True)
class SavedPromptVersionName(ResourceName):
    """`tenants/{tenant}/savedPrompts/{saved_prompt}/versions/{version}`. The last segment is the version's number."""

    pattern = "tenants/{tenant}/savedPrompts/{saved_prompt}/versions/{version}"
    tenant: str
    saved_prompt: str
    version: str


@dataclass(frozen=True, slots=True)
class WebhookName(ResourceName):
    """`tenants/{tenant}/webhooks/{webhook}`."""

    pattern = "tenants/{tenant}/webhooks/{webhook}"
    tenant: str
    webhook: str


@dataclass(frozen=True, slots=True)
class WebhookDeliveryName(ResourceName):
    """`tenants/{tenant}/webhooks/{webhook}/deliveries/{delivery}`. The last segment is the id of the event."""

    pattern = "tenants/{tenant}/webhooks/{webhook}/deliveries/{delivery}"
    tenant: str
    webhook: str
    delivery: str


@dataclass(frozen=True, slots=True)
class BaseModelName(ResourceName):
    """`baseModels/{model}`. The model id is a Hugging Face id with `/` replaced by `--`."""

    pattern = "baseModels/{model}"
    model: str


def check_id(text: str, field: str) -> str:
    """Return `text` if it is a valid id for a new resource (`[a-z0-9-]{1,63}`, but not `-` alone).

    Raises:
        InvalidArgumentError: The text does not match.
    """
    if _ID.fullmatch(text) is None:
        raise InvalidArgumentError.of(
            field, f"must be 1 to 63 of a-z, 0-9 and -, and not - alone; it is {text[:80]!r}", reason="NAME_INVALID"
        )
    return text


def is_serving_name(text: str) -> bool:
    """Return whether `text` is a valid serving name (`[A-Za-z0-9_-]{1,63}`)."""
    return _SERVING_NAME.fullmatch(text) is not None


def check_serving_name(text: str, field: str) -> str:
    """Return `text` if it is a valid serving name (`[A-Za-z0-9_-]{1,63}`).

    Raises:
        InvalidArgumentError: The text does not match.
    """
    if not is_serving_name(text):
        raise InvalidArgumentError.of(
            field, f"must be 1 to 63 of A-Z, a-z, 0-9, _ and -, not {text[:80]!r}", reason="NAME_INVALID"
        )
    return text
