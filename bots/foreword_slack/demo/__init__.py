"""`foreword demo --slack`: the bot at work, from its first complaint to a better model, in a Slack on this machine."""

from foreword_slack.demo.walk import walk

__all__ = ["walk"]
