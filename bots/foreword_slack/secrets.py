"""What the bot must not have in a file: tokens and keys, from the environment."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Tokens and keys; none of them is ever shown.

    Attributes:
        api_keys: Secret of the Foreword key by team.
        bot_tokens: Bot token by team, for workspaces that were not installed by OAuth.
        app_token: Opens sockets; empty with `mode: http`.
        signing_secret: Proves that a request is Slack's; empty with `mode: socket`.
        client_id: With `client_secret`: lets workspaces install the app by OAuth; empty for none.
        encryption_keys: Fernet keys for stored tokens, the one to encrypt with first.
        database_url: Where the store is, when its URL holds a password; empty for the file's.
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
        """Whether workspaces may install the app themselves."""
        return bool(self.client_id and self.client_secret)


def read_secrets(config: BotConfig, environment: Mapping[str, str]) -> Secrets:
    """Takes from the environment what this configuration needs.

    Raises:
        InvalidArgumentError: Variables are missing or hold something else; names every one.
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
    """What is missing, by variable."""
    faults: dict[str, str] = {}
    for team in config.teams:
        if not secrets.api_keys[team.team]:
            faults[team.api_key_env] = (
                f"is not set. It holds the Foreword key of tenant {team.tenant}; `foreword keys create` makes one"
            )
        token = secrets.bot_tokens.get(team.team, "")
        if token and not token.startswith(("xoxb-", "xoxe.")):
            faults[team.bot_token_env] = "is no bot token, which begins with xoxb-; see OAuth & Permissions of the app"
        elif not token and not secrets.oauth:
            faults[team.bot_token_env] = (
                f"is not set. It holds the bot token of {team.team}, from OAuth & Permissions of the app"
            )
    if config.slack.mode == "socket" and not secrets.app_token.startswith("xapp-"):
        faults[APP_TOKEN] = (
            "must be an app-level token, which begins with xapp-, with the scope connections:write; "
            "make one under Basic Information of the app"
        )
    if config.slack.mode == "http" and not secrets.signing_secret:
        faults[SIGNING_SECRET] = "is not set. Basic Information of the app shows it"
    if bool(secrets.client_id) != bool(secrets.client_secret):
        faults[CLIENT_SECRET if secrets.client_id else CLIENT_ID] = (
            "is not set, and the other is; installing by OAuth needs both, from Basic Information of the app"
        )
    if secrets.oauth and not secrets.encryption_keys:
        faults[ENCRYPTION_KEYS] = (
            "is not set. Tokens of installed workspaces are stored encrypted; make a key with: python -c "
            "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )
    return faults
