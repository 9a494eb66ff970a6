"""The OAuth scopes of the bot and their purposes. `deploy/slack/manifest.yaml` requests all of them."""

from __future__ import annotations

from collections.abc import Mapping

REQUIRED: Mapping[str, str] = {
    "channels:history": "to receive complaints in public channels",
    "groups:history": "to receive complaints in private channels",
    "channels:read": "to check public channels",
    "groups:read": "to check private channels",
    "chat:write": "to post",
    "metadata.message:read": "to find its own posts after a lost connection",
    "commands": "for /foreword and the shortcut",
}

OPTIONAL: Mapping[str, str] = {
    "app_mentions:read": "to receive mentions",
    "im:history": "to receive direct messages",
    "files:write": "to show learning curves",
}
