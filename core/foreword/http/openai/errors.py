"""Errors in OpenAI's form, with the reason and the remedy of the service."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from foreword.errors import (
    DeadlineExceededError,
    ErrorKind,
    ExhaustedError,
    ForewordError,
    InternalError,
    InvalidArgumentError,
    InvalidRowsError,
    NotFoundError,
    UnavailableError,
)
from foreword.http.errors import STATUS, CallerGoneError, RequestError
from foreword.redaction import redact

_CODES: Mapping[ErrorKind, str] = {
    ErrorKind.UNAUTHENTICATED: "invalid_api_key",
    ErrorKind.EXHAUSTED: "rate_limit_exceeded",
}
"""Codes that programs written for OpenAI look for, beside `model_not_found`. Others are the service's reasons in lower
case."""
_PARAMETERS: Mapping[str, str] = {
    "parameters.max_new_tokens": "max_tokens",
    "parameters.random_seed": "seed",
    "parameters.stop_sequences": "stop",
    "parameters.return_options.top_n_tokens": "top_logprobs",
    "structured.instruction": "messages",
    "structured": "messages",
    "rows": "file",
    "chunk": "file",
    "header.display_name": "file",
    "tune_experiment.parameters.num_epochs": "hyperparameters.n_epochs",
    "tune_experiment.parameters.batch_size": "hyperparameters.batch_size",
    "tune_experiment.parameters.learning_rate": "hyperparameters.learning_rate_multiplier",
    "tune_experiment.parameters.seed": "seed",
    "tune_experiment.base_model": "model",
    "tune_experiment.dataset": "training_file",
    "tune_experiment.validation_dataset": "validation_file",
    "tune_experiment.tags": "metadata",
    "tune_experiment.display_name": "suffix",
}
"""OpenAI's names of fields, by the service's."""
_USED_UP: Final = "insufficient_quota"
"""OpenAI's code and type of an error that waiting does not end."""
_LONGEST_WAIT: Final = timedelta(hours=1)
_LIST: Final = "GET /v1/models"
_NEW_REQUEST_ID: Final = "Use a new request_id."
_NEW_KEY: Final = "Use a new Idempotency-Key."
_KEY_MISSING: Final = "The API key is missing. Send it in the header `Authorization: Bearer KEY`."


def error_response(error: Exception) -> JSONResponse:
    """Return the response for an error."""
    status, body = status_of(error), error_body(error)
    headers: dict[str, str] = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, ExhaustedError):
        if error.waiting_helps:
            seconds = error.retry_after.total_seconds()
            headers["retry-after"] = str(max(1, math.ceil(seconds)))
            headers["retry-after-ms"] = str(round(1000 * seconds))
        headers["x-should-retry"] = "false" if status == 413 or _is_used_up(error) else "true"
        headers |= _rate_limit(error)
    elif status == 409:
        # The official clients repeat this status. It is only worth it if another request came in between.
        aborted = isinstance(error, ForewordError) and error.kind is ErrorKind.ABORTED
        headers["x-should-retry"] = "true" if aborted else "false"
    if isinstance(error, HTTPException):
        headers |= dict(error.headers or {})
    return JSONResponse(body, status_code=status, headers=headers)


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, RequestError):
        return error.status
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, CallerGoneError):
        return 499
    if isinstance(error, ForewordError):
        return 413 if error.reason == "MESSAGE_TOO_LARGE" else STATUS[error.kind]
    return 500


def error_body(error: Exception) -> dict[str, Any]:
    """Return the JSON of an error: OpenAI's fields and, as `reason`, the stable identifier of the service."""
    message, reason, field, code = str(error), "", "", ""
    if isinstance(error, RequestError):
        message, reason, field = error.message, error.reason, error.field
    elif isinstance(error, HTTPException):
        message, reason = _of_the_router(error)
    elif isinstance(error, ForewordError):
        message, reason, code = error.message, error.reason, _CODES.get(error.kind, "")
        if _is_used_up(error):
            code = _USED_UP
        message = _public(error)
        if isinstance(error, NotFoundError) and _is_model(error.resource):
            field, code = "model", "model_not_found"
            message = message.replace("`foreword models list`", _LIST)
            if _LIST not in message:
                message = f"{message.removesuffix(' Check the name.')} List the models with {_LIST}."
        if isinstance(error, InvalidArgumentError):
            field = (
                "file"
                if isinstance(error, InvalidRowsError)
                else next((parameter_name(item.field) for item in error.violations if item.field), "")
            )
            if error.message == "; ".join(f"{item.field}: {item.description}" for item in error.violations):
                message = "; ".join(f"{parameter_name(item.field)}: {item.description}" for item in error.violations)
    fault: dict[str, Any] = {
        "message": _sendable(redact(message)),
        "type": _USED_UP if _is_used_up(error) else _type(status_of(error)),
        "param": _sendable(field) or None,
        "code": code or reason.lower() or None,
        "reason": reason or None,
    }
    return {"error": fault}


def parameter_name(field: str) -> str:
    """Return OpenAI's name of a field of the service."""
    if field in _PARAMETERS:
        return _PARAMETERS[field]
    for prefix, name in (
        ("parameters.stop_sequences[", "stop["),
        ("tune_experiment.tags", "metadata"),
    ):
        if field.startswith(prefix):
            return field.replace(prefix, name, 1)
    return re.sub(r"^(parameters|tune_experiment\.parameters|tune_experiment|header)\.", "", field)


def _is_used_up(error: Exception) -> bool:
    """Return whether a quota is used up that is not free again in a moment, which OpenAI's clients do not wait for."""
    if not isinstance(error, ExhaustedError) or "quota" not in error.metadata:
        return False
    return not error.waiting_helps or error.retry_after > _LONGEST_WAIT


def _rate_limit(error: ExhaustedError) -> dict[str, str]:
    """Return OpenAI's headers for a rate that a tenant has used up; its other answers have none."""
    noun = {"requests_per_second": "requests", "tokens_per_second": "tokens"}.get(error.metadata.get("quota", ""))
    if noun is None:
        return {}
    return {
        f"x-ratelimit-limit-{noun}": error.metadata.get("capacity", ""),
        f"x-ratelimit-remaining-{noun}": "0",
        f"x-ratelimit-reset-{noun}": f"{error.metadata.get('full_seconds', '')}s",
    }


def _public(error: ForewordError) -> str:
    """Return the message of an error for callers, who are not to learn where the service is or how it is started."""
    if error.reason == "API_KEY_MISSING":
        return _KEY_MISSING
    if isinstance(error, UnavailableError) and error.reason == UnavailableError.default_reason:
        return "The service is away or restarting. Try again."
    if error.kind is ErrorKind.CANCELLED:
        return "The service has broken off the answer. Try again."
    if isinstance(error, DeadlineExceededError):
        return "The service did not answer in time. Try again, or ask for less."
    if isinstance(error, ExhaustedError) and error.reason == "MESSAGE_TOO_LARGE":
        return "The request or its answer is too large for one message. Send or ask for less at once."
    if isinstance(error, InternalError) and error.reason == "UNIMPLEMENTED":
        return "The service is older than this process. Start both from the same version."
    if isinstance(error, InternalError) and not error.error_id:
        return "The service answered with an unknown error. Try again."
    if error.reason == "REQUEST_ID_REUSED" or error.message.endswith(_NEW_REQUEST_ID):
        return error.message.replace("request_id", "Idempotency-Key", 1).replace(_NEW_REQUEST_ID, _NEW_KEY)
    return error.message


def _is_model(resource: str) -> bool:
    """Return whether a name is that of a model: a serving name, a deployment, a tuned model or a base model.

    All other resources belong to a tenant. A request may name any text as its model.
    """
    if not resource.startswith("tenants/"):
        return bool(resource)
    return resource.split("/")[-2] in ("deployments", "tunedModels")


def _sendable(text: str) -> str:
    """Return a text with escapes in place of halves of surrogate pairs, which JSON can write but UTF-8 cannot."""
    return text.encode(errors="backslashreplace").decode()


def _type(status: int) -> str:
    if status == 429:
        return "requests"
    return "server_error" if status >= 500 else "invalid_request_error"


def _of_the_router(error: HTTPException) -> tuple[str, str]:
    status = error.status_code
    if status == 400:
        return f"The form cannot be read: {error.detail}", "BODY_INVALID"
    if status == 404:
        return "There is nothing at this address. The base URL ends in /v1.", "UNKNOWN_URL"
    if status == 405:
        return "This address does not support the method of the request.", "METHOD_NOT_ALLOWED"
    return f"The request was refused with status {status}.", "REQUEST_REFUSED"
