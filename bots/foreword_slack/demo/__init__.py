"""`foreword demo --slack`: the bot from its first complaint to a better model, with a fake Slack on this machine."""

from foreword_slack.demo.walk import walk

__all__ = ["walk"]
