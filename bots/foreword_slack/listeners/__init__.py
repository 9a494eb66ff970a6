"""What Slack sends: read into events for the inbox before it is acknowledged, or answered at once within 3 seconds."""

from foreword_slack.listeners.reading import read_event
from foreword_slack.listeners.register import register

__all__ = ["read_event", "register"]
