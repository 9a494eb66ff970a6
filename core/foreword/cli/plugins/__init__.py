"""`foreword plugins`: what is installed, and a new package to begin with."""

from foreword.cli.plugins.command import plugins

__all__ = ["plugins"]
