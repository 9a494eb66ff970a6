"""Readers and listeners of Slack's payloads: store events before acknowledging them, or answer within 3 seconds."""

from foreword_slack.listeners.reading import read_event
from foreword_slack.listeners.register import register

__all__ = ["read_event", "register"]
