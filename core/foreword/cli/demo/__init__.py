"""`foreword demo`: a complete walk-through on this machine."""

from foreword.cli.demo.command import demo

__all__ = ["demo"]
