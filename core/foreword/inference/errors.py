"""Errors that the engine and the residency of base models share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.errors import (
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    InternalError,
    UnavailableError,
)
from foreword.observability.faults import log_fault

_MIB: Final = 2**20


def deadline_error() -> DeadlineExceededError:
    """Return the error of a request that took too long."""
    return DeadlineExceededError("The deadline came before the answer. Allow more time, or ask for fewer tokens.")


def draining_error() -> UnavailableError:
    """Return the error of a request that arrives while the process stops."""
    return UnavailableError("The service is going down. Try again.", reason="DRAINING")


def internal_error(event: str) -> InternalError:
    """Log the exception being handled and return the error that refers to it; texts never get into the log."""
    return log_fault(event, "The engine failed on this request.", component="inference")


def exceeds_budget_error(spec: BaseModelSpec, dtype: str, *, needed: int, budget: int) -> FailedPreconditionError:
    """Return the error of a base model whose weights never fit into the memory that the operator allows.

    Args:
        needed: Bytes of the weights in `dtype`.
        budget: Bytes allowed.
    """
    return FailedPreconditionError(
        f"{spec.id} does not fit: its {spec.parameter_count:,} weights take {needed / _MIB:,.1f} MiB in {dtype}, and "
        f"FOREWORD_BASE_MODEL_CACHE_BYTES allows {budget / _MIB:,.1f} MiB. Raise it, or choose a smaller model.",
        reason="BASE_MODEL_EXCEEDS_BUDGET",
        metadata={"needed_bytes": str(needed), "budget_bytes": str(budget)},
    )


def models_busy_error(base_model: str, residents: Iterable[str], retry_seconds: float) -> ExhaustedError:
    """Return the error of a base model for which none of the `residents`, the models in memory, can be unloaded now."""
    names = ", ".join(sorted(residents))
    return ExhaustedError(
        f"There is no memory for {base_model} now: {names} are answering requests or were loaded just now. Try again "
        "later, or raise FOREWORD_BASE_MODEL_CACHE_BYTES.",
        reason="BASE_MODELS_BUSY",
        metadata={"base_model": base_model, "residents": names},
        retry_after=timedelta(seconds=retry_seconds),
    )
