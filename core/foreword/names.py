"""Resource names: parse and format (https://google.aip.dev/122).

tenants/{tenant}
tenants/{tenant}/apiKeys/{api_key}
tenants/{tenant}/datasets/{dataset}
tenants/{tenant}/tuneExperiments/{tune_experiment}
tenants/{tenant}/tunedModels/{tuned_model}
tenants/{tenant}/spaces/{space}
tenants/{tenant}/spaces/{space}/deployments/{deployment}
baseModels/{model}
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from foreword.errors import InvalidArgumentError

_SEGMENT = r"[A-Za-z0-9_.-]{1,128}"
_ID = re.compile(r"[a-z0-9-]{1,63}")
_SERVING_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


def _match(pattern: str, text: str, field: str) -> tuple[str, ...]:
    """The variable segments of `text`, which must have the shape of `pattern`."""
    expression = "/".join(f"({_SEGMENT})" if part.startswith("{") else part for part in pattern.split("/"))
    found = re.fullmatch(expression, text)
    if not text:
        raise InvalidArgumentError.of(field, f"is empty; it must look like {pattern}", reason="NAME_INVALID")
    if found is None:
        shown = text if len(text) <= 200 else text[:200] + "..."
        raise InvalidArgumentError.of(field, f"must look like {pattern}, not {shown!r}", reason="NAME_INVALID")
    return found.groups()


class TenantName(NamedTuple):
    """`tenants/{tenant}`."""

    tenant: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}"


class ApiKeyName(NamedTuple):
    """`tenants/{tenant}/apiKeys/{api_key}`."""

    tenant: str
    api_key: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}/apiKeys/{api_key}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/apiKeys/{self.api_key}"


class DatasetName(NamedTuple):
    """`tenants/{tenant}/datasets/{dataset}`."""

    tenant: str
    dataset: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}/datasets/{dataset}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/datasets/{self.dataset}"


class TuneExperimentName(NamedTuple):
    """`tenants/{tenant}/tuneExperiments/{tune_experiment}`."""

    tenant: str
    tune_experiment: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}/tuneExperiments/{tune_experiment}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/tuneExperiments/{self.tune_experiment}"


class TunedModelName(NamedTuple):
    """`tenants/{tenant}/tunedModels/{tuned_model}`."""

    tenant: str
    tuned_model: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}/tunedModels/{tuned_model}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/tunedModels/{self.tuned_model}"


class SpaceName(NamedTuple):
    """`tenants/{tenant}/spaces/{space}`."""

    tenant: str
    space: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}/spaces/{space}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/spaces/{self.space}"


class DeploymentName(NamedTuple):
    """`tenants/{tenant}/spaces/{space}/deployments/{deployment}`."""

    tenant: str
    space: str
    deployment: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("tenants/{tenant}/spaces/{space}/deployments/{deployment}", text, field))

    def __str__(self) -> str:
        return f"tenants/{self.tenant}/spaces/{self.space}/deployments/{self.deployment}"


class BaseModelName(NamedTuple):
    """`baseModels/{model}`; the model id is a Hugging Face id with `/` written `--`."""

    model: str

    @classmethod
    def parse(cls, text: str, field: str = "name") -> Self:
        """Parses a name; raises InvalidArgumentError that names `field`."""
        return cls(*_match("baseModels/{model}", text, field))

    def __str__(self) -> str:
        return f"baseModels/{self.model}"


def check_id(text: str, field: str) -> str:
    """Returns `text` if a caller may choose it as the last part of a name (`[a-z0-9-]{1,63}`).

    Raises:
        InvalidArgumentError: It has another shape.
    """
    if _ID.fullmatch(text) is None:
        raise InvalidArgumentError.of(
            field, f"must be 1 to 63 of a-z, 0-9 and -, not {text[:80]!r}", reason="NAME_INVALID"
        )
    return text


def is_serving_name(text: str) -> bool:
    """Whether `text` has the shape of a serving name (`[A-Za-z0-9_-]{1,63}`)."""
    return _SERVING_NAME.fullmatch(text) is not None


def check_serving_name(text: str, field: str) -> str:
    """Returns `text` if it may be a serving name (`[A-Za-z0-9_-]{1,63}`).

    Raises:
        InvalidArgumentError: It has another shape.
    """
    if not is_serving_name(text):
        raise InvalidArgumentError.of(
            field, f"must be 1 to 63 of A-Z, a-z, 0-9, _ and -, not {text[:80]!r}", reason="NAME_INVALID"
        )
    return text
