"""The errors that Foreword raises deliberately.

    ForewordError
    ├── InvalidArgumentError        a request is invalid; lists every invalid field
    │   └── InvalidRowsError        rows of a dataset are invalid; lists every one
    ├── UnauthenticatedError        the key is missing, wrong, expired or revoked
    ├── PermissionDeniedError       the key lacks a scope
    ├── NotFoundError               the resource does not exist in the caller's tenant
    ├── AlreadyExistsError          the name is taken, or the request id was used before
    ├── FailedPreconditionError     the state does not allow the request
    │   └── ArtifactError           a stored artifact is missing or corrupt
    ├── AbortedError                another request changed the resource first
    ├── ExhaustedError              a limit is reached; states when to try again if that helps
    ├── DeadlineExceededError       the deadline passed
    ├── CancelledError              the caller cancelled the request
    ├── UnavailableError            the service cannot be reached or is shutting down
    ├── LeaseLostError              another worker owns the run now (never leaves the worker)
    └── InternalError               a fault of the service; has the id of its log entry

`kind` determines how a caller can react, and maps one to one to a gRPC status in `server`. `reason` is stable and
precise. The message states the problem and the remedy. Facts are in `metadata`, and facts for programs are also
attributes. The client raises the same classes with the same facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import ClassVar


class ErrorKind(Enum):
    """The category of an error, which determines how a caller can react."""

    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FAILED_PRECONDITION = "failed_precondition"
    ABORTED = "aborted"
    EXHAUSTED = "exhausted"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class ForewordError(Exception):
    """Base class of all errors that Foreword raises deliberately.

    Args:
        message: The problem and the remedy, for humans.
        reason: Stable identifier in UPPER_SNAKE_CASE. Default: that of the class.
        metadata: Facts for programs.

    Attributes:
        kind: Category of the error.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: str = "", metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})

    @property
    def resource(self) -> str:
        """Name of the resource that the error concerns; empty if there is none."""
        return self.metadata.get("resource", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """An invalid field: its path (`parameters.batch_size`, `rows[12].output`), the problem and the remedy.

    The path is empty in the last violation of an error that does not list all of them.
    """

    field: str
    description: str


class InvalidArgumentError(ForewordError):
    """A request is invalid, regardless of the state of the service.

    Args:
        violations: All invalid fields.
        message: The message for humans. Default: the violations in one line.
    """

    kind = ErrorKind.INVALID_ARGUMENT
    default_reason = "INVALID_ARGUMENT"

    def __init__(
        self,
        violations: Sequence[FieldViolation],
        message: str = "",
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or _in_one_line(violations), reason=reason, metadata=metadata)
        self.violations = tuple(violations)

    @classmethod
    def of(cls, field: str, description: str, *, reason: str = "") -> InvalidArgumentError:
        """Return the error for one invalid field."""
        return InvalidArgumentError([FieldViolation(field=field, description=description)], reason=reason)

    def put_below(self, prefix: str) -> None:
        """Prepend `prefix.` to every field, and to the fields in the message if it is the list of violations."""
        self._replace_fields(lambda field: f"{prefix}.{field}" if field else field)

    def rename_fields(self, names: Mapping[str, str]) -> None:
        """Give fields other names, also in the message if it is the list of violations."""
        self._replace_fields(lambda found: names.get(found, found))

    def _replace_fields(self, renamed: Callable[[str], str]) -> None:
        changed = tuple(replace(violation, field=renamed(violation.field)) for violation in self.violations)
        if self.message == _in_one_line(self.violations):
            self.message = _in_one_line(changed)
            self.args = (self.message,)
        self.violations = changed


def _in_one_line(violations: Sequence[FieldViolation]) -> str:
    return "; ".join(
        f"{violation.field}: {violation.description}" if violation.field else violation.description
        for violation in violations
    )


class InvalidRowsError(InvalidArgumentError):
    """Rows of a dataset are invalid. Each violation names a row and a column, such as `rows[12].output`."""

    default_reason = "DATASET_INVALID"


class UnauthenticatedError(ForewordError):
    """The API key is missing, wrong, expired or revoked."""

    kind = ErrorKind.UNAUTHENTICATED
    default_reason = "API_KEY_INVALID"


class PermissionDeniedError(ForewordError):
    """The API key lacks a scope."""

    kind = ErrorKind.PERMISSION_DENIED
    default_reason = "SCOPE_MISSING"

    @property
    def scope(self) -> str:
        """The scope that is missing, such as `write`."""
        return self.metadata.get("scope", "")


class NotFoundError(ForewordError):
    """The resource does not exist in the caller's tenant. Resources of other tenants cause exactly the same error."""

    kind = ErrorKind.NOT_FOUND
    default_reason = "RESOURCE_NOT_FOUND"

    @classmethod
    def of(cls, resource: str, remedy: str = "Check the name.") -> NotFoundError:
        """Return the error for a resource name."""
        return cls(f"{resource} does not exist. {remedy}", metadata={"resource": resource})


class AlreadyExistsError(ForewordError):
    """The name is taken, or the request id was already used with other content."""

    kind = ErrorKind.ALREADY_EXISTS
    default_reason = "RESOURCE_EXISTS"


class FailedPreconditionError(ForewordError):
    """The state of the service or the resource does not allow the request."""

    kind = ErrorKind.FAILED_PRECONDITION
    default_reason = "FAILED_PRECONDITION"


class ArtifactError(FailedPreconditionError):
    """A stored artifact is missing, corrupt or does not fit its base model."""

    default_reason = "ARTIFACT_CORRUPT"


class AbortedError(ForewordError):
    """Another request changed the resource first. Read it again and repeat the change."""

    kind = ErrorKind.ABORTED
    default_reason = "ETAG_MISMATCH"


class ExhaustedError(ForewordError):
    """A limit is reached, or the service is busy.

    Attributes:
        retry_after: Suggested time to wait before another try.
        waiting_helps: Whether the same request can succeed later, although the caller does nothing else.
        quota: Owner of the limit, such as `tenants/acme`; empty if the service as a whole is busy.
    """

    kind = ErrorKind.EXHAUSTED
    default_reason = "QUEUE_FULL"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta = timedelta(seconds=1),
        waiting_helps: bool = True,
        quota: str = "",
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after = retry_after
        self.waiting_helps = waiting_helps
        self.quota = quota


class DeadlineExceededError(ForewordError):
    """The deadline passed before the request was finished."""

    kind = ErrorKind.DEADLINE_EXCEEDED
    default_reason = "DEADLINE_EXCEEDED"


class CancelledError(ForewordError):
    """The caller cancelled the request."""

    kind = ErrorKind.CANCELLED
    default_reason = "CANCELLED"


class UnavailableError(ForewordError):
    """The service cannot be reached or is shutting down. Try again.

    Attributes:
        operator_message: The message for the operator of the service, with paths and hosts that callers must not see.
            It never leaves the process. Default: the message.
    """

    kind = ErrorKind.UNAVAILABLE
    default_reason = "UNAVAILABLE"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        operator_message: str = "",
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.operator_message = operator_message or message


class LeaseLostError(ForewordError):
    """Another worker owns the run now. Abandon it without writing anything."""

    kind = ErrorKind.ABORTED
    default_reason = "LEASE_LOST"


class InternalError(ForewordError):
    """An internal error of the service."""

    @property
    def error_id(self) -> str:
        """Id of the entry in the service's log; empty if the service sent none."""
        return self.metadata.get("error_id", "")
