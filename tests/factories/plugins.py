"""Plugins from functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import ModuleType

from foreword.plugin import hookimpl


def make_plugin(name: str, **hooks: Callable[..., object]) -> EntryPoint:
    """Return the entry point of a module that implements these hooks."""
    module = ModuleType(f"made_{name}")
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
    sys.modules[module.__name__] = module
    return EntryPoint(name=name, value=module.__name__, group="foreword")
