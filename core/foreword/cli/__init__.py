"""The command `foreword`, with one module per group of commands, each loaded when it is called."""

from foreword.cli.application import main

__all__ = ["main"]
