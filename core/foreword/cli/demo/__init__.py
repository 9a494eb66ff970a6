"""`foreword demo`: the whole product at work on this machine."""

from foreword.cli.demo.command import demo

__all__ = ["demo"]
