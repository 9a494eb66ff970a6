"""Classification of failed calls: whether the call may have taken effect, and how to react.

Codes: https://docs.slack.dev/reference/methods/chat.postMessage (errors). A code in no list is an unknown refusal, and
the call is retried a few times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from foreword_slack.store import Operation


class Verdict(Enum):
    """The class of a failed call."""

    RATE_LIMITED = "rate_limited"  # no effect; retry later
    NOT_MADE = "not_made"  # the call did not reach Slack, or Slack was not ready; retry later
    REFUSED = "refused"  # no effect, with an unknown code
    UNSURE = "unsure"  # the call may have taken effect
    PERMANENT = "permanent"  # the call can never succeed
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - retry with a new token
    TENANT_DOWN = "tenant_down"  # no call in this workspace succeeds until the bot is installed again


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed call.

    Attributes:
        reason: Slack's error code, or a stable word for the failure of the connection.
        retry_after_seconds: Wait that Slack asked for; None if it did not.
    """

    verdict: Verdict
    reason: str
    retry_after_seconds: float | None = None

    @property
    def is_passing(self) -> bool:
        """True if Slack limited the call or was not able to handle it, so that a later one may succeed."""
        return self.verdict in (Verdict.RATE_LIMITED, Verdict.NOT_MADE, Verdict.UNSURE)


_TENANT_DOWN = frozenset(
    {
        "account_inactive",
        "app_uninstalled",
        "ekm_access_denied",
        "invalid_auth",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "team_not_found",
        "token_revoked",
    }
)
_NOT_MADE = frozenset({"request_timeout", "service_unavailable", "team_added_to_org"})
_UNSURE = frozenset({"fatal_error", "internal_error"})
_RATE_LIMITED = frozenset({"rate_limited", "ratelimited", "message_limit_exceeded"})
_PERMANENT = frozenset(
    {
        "access_denied",
        "as_user_not_supported",
        "cannot_reply_to_message",
        "cant_delete_message",
        "cant_update_message",
        "channel_not_found",
        "channel_type_not_supported",
        "compliance_exports_prevent_deletion",
        "duplicate_channel_not_found",
        "edit_window_closed",
        "external_channel_migrating",
        "hash_conflict",
        "invalid_arg_name",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_charset",
        "invalid_form_data",
        "invalid_json",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "invalid_name",
        "invalid_post_type",
        "is_archived",
        "is_inactive",
        "json_not_object",
        "messages_tab_disabled",
        "message_not_found",
        "metadata_must_be_sent_from_app",
        "metadata_too_large",
        "missing_post_type",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_permission",
        "no_text",
        "not_enabled",
        "not_in_channel",
        "thread_locked",
        "too_many_attachments",
        "too_many_contact_cards",
        "too_many_reactions",
        "user_not_found",
        "user_not_in_channel",
        "view_too_large",
    }
)


def judge(error: BaseException, operation: Operation = Operation.POST) -> Failure:
    """Classify an exception of `AsyncWebClient`."""
    if isinstance(error, SlackApiError):
        return _judge_answer(error, operation)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Failure(verdict=Verdict.NOT_MADE, reason="connection_failed")
    if isinstance(error, TimeoutError):
        return Failure(verdict=Verdict.UNSURE, reason="timeout")
    # The connection broke, or the answer is not JSON: Slack may have processed the request.
    return Failure(verdict=Verdict.UNSURE, reason="connection_lost")


def judge_response(
    status: int, code: str, headers: Mapping[str, Any], operation: Operation = Operation.POST
) -> Failure:
    """Classify an answer.

    Args:
        status: HTTP status.
        code: Slack's error code; empty if there is none.
        headers: The answer's headers; a value is a text or a list of texts.
    """
    if status == 429 or code in _RATE_LIMITED:
        return Failure(
            verdict=Verdict.RATE_LIMITED,
            reason="ratelimited",
            retry_after_seconds=_seconds(
                next((headers[name] for name in headers if name.lower() == "retry-after"), None)
            ),
        )
    if operation is Operation.RESPONSE and 400 <= status < 500:
        return Failure(verdict=Verdict.PERMANENT, reason="response_url_expired")
    if not code:
        return Failure(verdict=Verdict.UNSURE, reason=f"http_{status}")
    return Failure(verdict=_verdict(code, operation), reason=code)


def _judge_answer(error: SlackApiError, operation: Operation) -> Failure:
    # Usually slack_sdk's response; aiohttp's if the body could not be parsed.
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", 0) or 0
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    return judge_response(status, code, getattr(response, "headers", None) or {}, operation)


def _verdict(code: str, operation: Operation) -> Verdict:
    if code == "missing_scope":
        # Without the scope to post, the workspace is down. Without another scope, only this call fails.
        return Verdict.TENANT_DOWN if operation is Operation.POST else Verdict.PERMANENT
    if code == "token_expired":
        return Verdict.TOKEN_EXPIRED
    if code in _TENANT_DOWN:
        return Verdict.TENANT_DOWN
    if code in _UNSURE:
        return Verdict.UNSURE
    if code in _NOT_MADE:
        return Verdict.NOT_MADE
    if code in _PERMANENT or code.startswith("restricted_action"):
        return Verdict.PERMANENT
    return Verdict.REFUSED


def _seconds(header: object) -> float | None:
    if isinstance(header, list):
        header = header[0] if header else None
    try:
        seconds = float(str(header))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
