"""The registration of the app under test: its secrets, its scopes and its tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from foreword_slack.testing.errors import SlackError

BOT_SCOPES: tuple[str, ...] = (
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "metadata.message:read",
    "reactions:write",
    "team:read",
    "users:read",
)
"""All scopes that the fake's methods require."""

EVENTS: frozenset[str] = frozenset(
    {
        "app_home_opened",
        "app_mention",
        "app_uninstalled",
        "channel_archive",
        "member_joined_channel",
        "message.channels",
        "message.groups",
        "message.im",
        "tokens_revoked",
    }
)
"""All events that the fake can send."""


@dataclass(kw_only=True)
class App:
    """The app under test.

    Attributes:
        scopes: Scopes that an installation grants by default.
        events: Events that the app subscribes to.
        rotates_tokens: Whether bot tokens expire after twelve hours and have a refresh token.
        honours_client_msg_id: Whether a repeated `chat.postMessage` with the same `client_msg_id` returns the first
            message. Slack does this without guaranteeing it.
        is_distributed: Whether the app is distributed outside Slack's marketplace, and thus may read the history of
            channels once a minute and 15 messages at a time.
        request_url: URL for events and interactions over HTTP; if empty, they use Socket Mode.
        socket_mode: Whether Socket Mode is enabled.
    """

    id: str = "A00000FAKE"
    name: str = "Foreword"
    client_id: str = "1.2"
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    verification_token: str = field(default_factory=lambda: secrets.token_hex(12))
    app_token: str = field(default_factory=lambda: f"xapp-1-{secrets.token_hex(16)}")
    scopes: tuple[str, ...] = BOT_SCOPES
    events: frozenset[str] = EVENTS
    rotates_tokens: bool = False
    honours_client_msg_id: bool = True
    is_distributed: bool = False
    request_url: str = ""
    socket_mode: bool = True


@dataclass(kw_only=True)
class BotToken:
    """A token of the app's bot in one workspace."""

    team_id: str
    scopes: tuple[str, ...]
    expires_at: float | None
    revoked: bool = False
    account_inactive: bool = False


@dataclass(kw_only=True)
class _OAuthCode:
    team_id: str
    user_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new token, with its refresh token and lifetime if tokens rotate."""

    token: str
    scopes: tuple[str, ...]
    refresh_token: str | None
    lifetime_seconds: float | None


class TokenBook:
    """All tokens and OAuth codes that have been issued.

    Args:
        app: The app under test.
        now: Returns the time in seconds since the epoch.
        lifetime_seconds: Lifetime of a token if tokens rotate.
        code_seconds: Lifetime of an OAuth code.
    """

    def __init__(self, app: App, now: Callable[[], float], *, lifetime_seconds: float, code_seconds: float) -> None:
        self._app = app
        self._now = now
        self._lifetime_seconds = lifetime_seconds
        self._code_seconds = code_seconds
        self._tokens: dict[str, BotToken] = {}
        self._refresh_tokens: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._codes: dict[str, _OAuthCode] = {}
        self.latest: dict[str, str] = {}

    def issue(self, team_id: str, scopes: tuple[str, ...]) -> Issued:
        """Issue a token for a workspace."""
        rotates = self._app.rotates_tokens
        token = f"{'xoxe.' if rotates else ''}xoxb-{team_id}-{secrets.token_hex(12)}"
        expires_at = self._now() + self._lifetime_seconds if rotates else None
        self._tokens[token] = BotToken(team_id=team_id, scopes=scopes, expires_at=expires_at)
        self.latest[team_id] = token
        if not rotates:
            return Issued(token=token, scopes=scopes, refresh_token=None, lifetime_seconds=None)
        refresh_token = f"xoxe-1-{secrets.token_hex(16)}"
        self._refresh_tokens[refresh_token] = (team_id, scopes)
        return Issued(token=token, scopes=scopes, refresh_token=refresh_token, lifetime_seconds=self._lifetime_seconds)

    def issue_code(self, team_id: str, user_id: str, *, redirect_uri: str, scopes: tuple[str, ...]) -> str:
        """Issue a code that the app can exchange for a token once."""
        code = secrets.token_hex(16)
        self._codes[code] = _OAuthCode(
            team_id=team_id,
            user_id=user_id,
            redirect_uri=redirect_uri,
            scopes=scopes,
            expires_at=self._now() + self._code_seconds,
        )
        return code

    def redeem_code(self, code: str, redirect_uri: str) -> tuple[str, str, Issued]:
        """Exchange a code for a token.

        Returns:
            The team's id, the id of the user who installed the app, and the token.

        Raises:
            SlackError: The code is unknown, used or expired, or belongs to another redirect URL.
        """
        found = self._codes.pop(code, None)
        if found is None or found.expires_at < self._now():
            raise SlackError("invalid_code")
        if redirect_uri and redirect_uri != found.redirect_uri:
            raise SlackError("bad_redirect_uri")
        return found.team_id, found.user_id, self.issue(found.team_id, found.scopes)

    def refresh(self, refresh_token: str) -> tuple[str, Issued]:
        """Exchange a refresh token for a new token.

        A refresh token can be used once. The old token stays valid until it expires.

        Raises:
            SlackError: The refresh token is unknown or used.
        """
        found = self._refresh_tokens.pop(refresh_token, None)
        if found is None:
            raise SlackError("invalid_refresh_token")
        team_id, scopes = found
        return team_id, self.issue(team_id, scopes)

    def authenticate(self, token: str) -> BotToken:
        """Return the bot token that a string stands for.

        Raises:
            SlackError: The token is unknown, of the wrong type, revoked or expired.
        """
        if token == self._app.app_token:
            raise SlackError("not_allowed_token_type")
        found = self._tokens.get(token)
        if found is None:
            raise SlackError("invalid_auth")
        if found.account_inactive:
            raise SlackError("account_inactive")
        if found.revoked:
            raise SlackError("token_revoked")
        if found.expires_at is not None and found.expires_at < self._now():
            raise SlackError("token_expired")
        return found

    def revoke(self, team_id: str, *, account_inactive: bool = False) -> None:
        """Revoke all tokens of a workspace."""
        for token in self._of(team_id):
            token.revoked = True
            token.account_inactive = account_inactive
        self._refresh_tokens = {key: value for key, value in self._refresh_tokens.items() if value[0] != team_id}

    def expire(self, team_id: str) -> None:
        """Expire all tokens of a workspace now; refresh tokens stay valid."""
        for token in self._of(team_id):
            token.expires_at = self._now() - 1.0

    def grant_only(self, team_id: str, scopes: tuple[str, ...]) -> None:
        """Replace the scopes of a workspace's tokens."""
        for token in self._of(team_id):
            token.scopes = scopes

    def _of(self, team_id: str) -> list[BotToken]:
        return [token for token in self._tokens.values() if token.team_id == team_id]
