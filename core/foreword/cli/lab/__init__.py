"""`foreword lab`: trying prompts by hand.

`command` is the command and its loop, `commands` what can be typed, `state` what the next text is asked with, `session`
asks and remembers, `rendering` draws. Only `session` and `command` know of a client.
"""

from foreword.cli.lab.command import lab

__all__ = ["lab"]
