"""Inference requests as plugins see them."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.inference import TokenUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceCall:
    """An inference request that is about to be answered.

    Attributes:
        id: Unique id, the same before and after the request.
        tenant: Id of the tenant.
        base_model: Id of the base model.
        adapter_sha256: Content hash of the tuned model's tensors; empty for the base model without tuning.
        labels: Whether the request asks for labels instead of text.
        shadow: Whether the answer is only compared with that of the revision in service and never returned. A plugin
            that bills requests should leave it out.
    """

    id: str
    tenant: str
    base_model: str
    adapter_sha256: str = ""
    labels: bool = False
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOutcome:
    """The outcome of an inference request.

    Attributes:
        usage: Token counts; None if there is no complete answer.
        seconds: Time from the request to its end, including waiting.
        error: Reason of the error: `CANCELLED` if the caller disconnected, empty if the request succeeded.
    """

    usage: TokenUsage | None
    seconds: float
    error: str = ""
