"""What plugins are told of a request to a model."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.inference import TokenUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceCall:
    """A request that is about to be answered.

    Attributes:
        id: The same before and after; unique.
        tenant: Id of the tenant.
        base_model: Id of the base model.
        adapter_sha256: Content hash of the tuned model's tensors; empty when the base model answers as it is.
        labels: Whether labels are asked for instead of text.
    """

    id: str
    tenant: str
    base_model: str
    adapter_sha256: str = ""
    labels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOutcome:
    """How a request ended.

    Attributes:
        usage: Its tokens; None when there is no whole answer.
        seconds: From the request to its end, waiting included.
        error: Reason of the error; `CANCELLED` when the caller left, empty when it was answered.
    """

    usage: TokenUsage | None
    seconds: float
    error: str = ""
