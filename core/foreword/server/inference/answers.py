"""Answers of revisions, and what their errors say about them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from foreword.errors import ErrorKind, ForewordError
from foreword.server.calls.unforeseen import request_fault
from foreword.server.inference.model_resolver import RunningRollout
from foreword.server.inference.resolved_model import ResolvedModel

Value_co = TypeVar("Value_co", covariant=True)

_OF_THE_SERVICE: Final = frozenset(
    {"QUEUE_FULL", "TOO_MANY_WAITING_CALLS", "QUOTA_EXCEEDED", "DRAINING", "DATABASE_UNAVAILABLE"}
)
"""Reasons of errors that any revision could have got in the same moment: the service is overloaded, the tenant has used
up a quota, the service stops, or has lost its database. Others are of the revision, even if they may pass, such as a
base model for which there is no memory (BASE_MODELS_BUSY) or an artifact that cannot be read now
(ARTIFACT_STORE_UNAVAILABLE): it cannot be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Value_co]):
    """An answer of a revision.

    Attributes:
        model: The model that answered.
        shown: The text or the labels, which are compared with those of a shadow.
        abstained: Whether `Classify` abstained; None for text.
    """

    model: ResolvedModel
    value: Value_co
    shown: object
    abstained: bool | None = None


class Ask(Protocol[Value_co]):
    """A function that gets the answer of one model to a request."""

    def __call__(
        self, model: ResolvedModel, deadline: float | None, *, shadow: bool = False
    ) -> Awaitable[Answer[Value_co]]:
        """Return the answer, or raise a ForewordError.

        Args:
            deadline: Time on the clock of `time.monotonic()`; None for none.
            shadow: Whether the answer is only compared with another one.
        """
        ...


def candidate_of(rollout: RunningRollout) -> ResolvedModel:
    """Return the model of the new revision.

    Raises:
        ForewordError: It cannot be used, because it or something that it needs is missing.
    """
    if isinstance(rollout.candidate, ForewordError):
        raise rollout.candidate
    return rollout.candidate


def is_of_the_service(error: ForewordError) -> bool:
    """Return whether an error does not concern the revision that was asked."""
    return error.kind is ErrorKind.CANCELLED or error.reason in _OF_THE_SERVICE


def known_error(raised: Exception) -> ForewordError:
    """Return an error as it is; an unexpected exception is logged and becomes an InternalError."""
    return raised if isinstance(raised, ForewordError) else request_fault()
