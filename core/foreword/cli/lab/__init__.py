"""`foreword lab`: interactive trials of prompts.

`command` has the command and its loop, `commands` the slash commands, `state` the models, prompt and parameters,
`session` sends requests and keeps the history, and `rendering` draws. Only `session` and `command` use a client.
"""

from foreword.cli.lab.command import lab

__all__ = ["lab"]
