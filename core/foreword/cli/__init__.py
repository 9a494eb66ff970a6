"""The command `foreword`: one module per group of commands, loaded when one of them is called."""

from foreword.cli.application import main

__all__ = ["main"]
