"""The tokens of workspaces: encrypted at rest, renewed before they expire, and tied to a tenant."""

from foreword_slack.installations.installations import Installations
from foreword_slack.installations.oauth_states import OauthStates

__all__ = ["Installations", "OauthStates"]
