"""What the bot must be allowed to do in a workspace, and what for. `deploy/slack/manifest.yaml` asks for all of it."""

from __future__ import annotations

from collections.abc import Mapping

REQUIRED: Mapping[str, str] = {
    "channels:history": "to hear complaints in public channels",
    "groups:history": "to hear complaints in private channels",
    "channels:read": "to check public channels",
    "groups:read": "to check private channels",
    "chat:write": "to post",
    "users:read": "to tell people from bots",
    "metadata.message:read": "to recognise its own posts after a broken connection",
    "commands": "for /foreword and the shortcut",
}

OPTIONAL: Mapping[str, str] = {
    "app_mentions:read": "to be mentioned",
    "im:history": "to be written to directly",
    "files:write": "to show learning curves",
}
