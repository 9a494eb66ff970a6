"""`foreword plugins`: installed plugins and the creation of new ones."""

from foreword.cli.plugins.command import plugins

__all__ = ["plugins"]
