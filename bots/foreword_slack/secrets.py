"""Tokens and keys, which come from the environment and never from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foreword.errors import FieldViolation, InvalidArgumentError
from foreword_slack.config import BotConfig

APP_TOKEN = "SLACK_APP_TOKEN"  # noqa: S105 - the name of a variable
SIGNING_SECRET = "SLACK_SIGNING_SECRET"  # noqa: S105
CLIENT_ID = "SLACK_CLIENT_ID"
CLIENT_SECRET = "SLACK_CLIENT_SECRET"  # noqa: S105
ENCRYPTION_KEYS = "FOREWORD_SLACK_ENCRYPTION_KEYS"
DATABASE_URL = "FOREWORD_SLACK_DATABASE_URL"
_NO_BOT_TOKEN = "is not a bot token, which begins with xoxb-; copy it from the app's page OAuth & Permissions"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Tokens and keys; they are hidden in the repr.

    Attributes:
        api_keys: Foreword API key by workspace.
        bot_tokens: Bot token by workspace, for workspaces that were not installed through OAuth.
        app_token: App-level token that opens sockets; empty with `mode: http`.
        signing_secret: Verifies that requests come from Slack; empty with `mode: socket`.
        client_id: With `client_secret`, lets workspaces install the app through OAuth; empty for none.
        encryption_keys: Fernet keys for stored tokens; the first one encrypts.
        database_url: URL of the store, if it contains a password; empty for the one in the configuration file.
    """

    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    bot_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    app_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    database_url: str = field(default="", repr=False)

    @property
    def oauth(self) -> bool:
        """True if workspaces can install the app through OAuth."""
        return bool(self.client_id and self.client_secret)


def read_secrets(config: BotConfig, environment: Mapping[str, str]) -> Secrets:
    """Read the secrets of a configuration from the environment.

    Raises:
        InvalidArgumentError: Variables are missing or invalid; lists every one.
    """
    value = {name: text.strip() for name, text in environment.items()}
    secrets = Secrets(
        api_keys={team.team: value.get(team.api_key_env, "") for team in config.teams},
        bot_tokens={team.team: token for team in config.teams if (token := value.get(team.bot_token_env, ""))},
        app_token=value.get(APP_TOKEN, ""),
        signing_secret=value.get(SIGNING_SECRET, ""),
        client_id=value.get(CLIENT_ID, ""),
        client_secret=value.get(CLIENT_SECRET, ""),
        encryption_keys=tuple(key.strip() for key in value.get(ENCRYPTION_KEYS, "").split(",") if key.strip()),
        database_url=value.get(DATABASE_URL, ""),
    )
    faults = _faults(config, secrets)
    if faults:
        raise InvalidArgumentError([FieldViolation(field=name, description=text) for name, text in faults.items()])
    return secrets


def _faults(config: BotConfig, secrets: Secrets) -> dict[str, str]:
    """Return the faults by variable."""
    faults: dict[str, str] = {}
    for team in config.teams:
        if not secrets.api_keys[team.team]:
            faults[team.api_key_env] = (
                f"is not set. Set it to an API key of tenant {team.tenant}; create one with `foreword keys create`"
            )
        token = secrets.bot_tokens.get(team.team, "")
        if token and not token.startswith(("xoxb-", "xoxe.")):
            faults[team.bot_token_env] = _NO_BOT_TOKEN
        elif not token and not secrets.oauth:
            faults[team.bot_token_env] = (
                f"is not set. Set it to the bot token of {team.team} from the app's page OAuth & Permissions"
            )
    if config.slack.mode == "socket" and not secrets.app_token.startswith("xapp-"):
        faults[APP_TOKEN] = (
            "must be an app-level token, which begins with xapp-, with the scope connections:write; "
            "generate one on the app's page Basic Information"
        )
    if config.slack.mode == "http" and not secrets.signing_secret:
        faults[SIGNING_SECRET] = "is not set. Copy it from the app's page Basic Information"
    if bool(secrets.client_id) != bool(secrets.client_secret):
        faults[CLIENT_SECRET if secrets.client_id else CLIENT_ID] = (
            "is not set, but the other is. OAuth needs both; copy them from the app's page Basic Information"
        )
    if secrets.oauth and not secrets.encryption_keys:
        faults[ENCRYPTION_KEYS] = (
            "is not set. It encrypts the tokens of installed workspaces; generate a key with: python -c "
            "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )
    return faults
