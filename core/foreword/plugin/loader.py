"""The loader of plugins: it imports their entry points and collects what they register."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType

import pluggy

from foreword.entry_points import is_impostor, order
from foreword.plugin import NAME, spec
from foreword.plugin.allow_list import AllowList, entry_of
from foreword.plugin.interfaces import BaseModel, RowValidator, Task, TuningMethod
from foreword.plugin.register import Register
from foreword.plugin.status import PluginState, PluginStatus
from foreword.redaction import redact

_log = logging.getLogger(__name__)


class RegisterHooks:
    """The hooks with which one plugin registers its items.

    Args:
        plugins: The loaded plugins.
        plugin: The name of the plugin to call.
    """

    def __init__(self, plugins: pluggy.PluginManager, plugin: str) -> None:
        self._plugins = plugins
        self._plugin = plugin

    def register_base_models(self, register: Register[BaseModel]) -> None:
        """Add the plugin's base models."""
        self._only(self._plugins.hook.register_base_models)(register=register)

    def register_tasks(self, register: Register[Task]) -> None:
        """Add the plugin's tasks."""
        self._only(self._plugins.hook.register_tasks)(register=register)

    def register_row_validators(self, register: Register[RowValidator]) -> None:
        """Add the plugin's checks of dataset rows."""
        self._only(self._plugins.hook.register_row_validators)(register=register)

    def register_tuning_methods(self, register: Register[TuningMethod]) -> None:
        """Add the plugin's tuning methods."""
        self._only(self._plugins.hook.register_tuning_methods)(register=register)

    def _only(self, hook: pluggy.HookCaller) -> pluggy.HookCaller:
        """Return the hook without the other plugins."""
        others = [
            other for name, other in self._plugins.list_name_plugin() if name != self._plugin and other is not None
        ]
        return self._plugins.subset_hook_caller(hook.name, others)


class PluginLoader:
    """A loader of plugins: those that come with Foreword first, then the others by name.

    The result does not depend on the order in which the plugins were found. A plugin that raises is left out as a
    whole. Of two plugins with the same name, the later one is left out, even if the first one fails. If the name of an
    item is taken, only that item is left out of the later plugin.

    Attributes:
        plugins: The loaded plugins.
    """

    def __init__(self) -> None:
        self.plugins = pluggy.PluginManager(NAME)
        self.plugins.add_hookspecs(spec)
        self.base_models: Register[BaseModel] = Register(
            "base model", lambda item: item.spec.id, lambda item: item.spec.aliases
        )
        self.tasks: Register[Task] = Register("task", lambda item: item.id)
        self.row_validators: Register[RowValidator] = Register("row validator", lambda item: item.id)
        self.tuning_methods: Register[TuningMethod] = Register("tuning method", lambda item: item.id)
        self._claimed: dict[str, str] = {}

    def load(self, found: Iterable[EntryPoint], allow: Collection[str]) -> tuple[PluginStatus, ...]:
        """Load plugins.

        Args:
            found: The entry points of the plugins.
            allow: Plugins that may load, as `distribution` or `distribution:name`; empty means all.

        Returns:
            A status for each entry point, and for each allowed plugin without an entry point.
        """
        ordered, allowed = sorted(found, key=order), AllowList(allow)
        return (*(self._load(point, allowed) for point in ordered), *allowed.missing(ordered))

    def _load(self, point: EntryPoint, allowed: AllowList) -> PluginStatus:
        """Load one plugin and return its status, which says why if it is not in use."""
        status = PluginStatus(
            id=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
            module=point.value,
            state=PluginState.LOADED,
        )
        if is_impostor(point):
            return replace(
                status,
                state=PluginState.FAILED,
                error=f"its package calls itself {status.distribution}, but it is not Foreword; uninstall it, or "
                "rename the package",
            )
        if not allowed.allows(point):
            return replace(
                status,
                state=PluginState.BLOCKED,
                error=f"not in FOREWORD_PLUGINS; add {entry_of(point)} to load it",
            )
        claimant = self._claimed.get(point.name)
        if claimant is not None:
            return replace(
                status,
                state=PluginState.FAILED,
                error=f"the plugin {claimant} is also called {point.name}, so that of {_package(status)} is left out; "
                f"rename its entry point, uninstall one of the two packages, or allow only one in FOREWORD_PLUGINS",
            )
        self._claimed[point.name] = f"{point.value} of {_package(status)}"
        try:
            module = point.load()
            _refuse_misspelt(module)
            self.plugins.register(module, name=point.name)
            self._collect(status)
        except Exception as error:  # plugins are foreign code; the rest of the service must start all the same
            self._drop(point.name)
            return replace(status, state=PluginState.FAILED, error=f"{type(error).__name__}: {redact(str(error))}")
        status = self._with_items(status)
        for reason in status.left_out:
            _log.warning("plugin %s: %s", point.name, reason)
        return status

    def _collect(self, status: PluginStatus) -> None:
        """Call the register hooks of one plugin."""
        for register in self._registers():
            register.claim(status.id, f"{status.distribution} {status.version}".strip())
        hooks = RegisterHooks(self.plugins, status.id)
        hooks.register_base_models(self.base_models)
        hooks.register_tasks(self.tasks)
        hooks.register_row_validators(self.row_validators)
        hooks.register_tuning_methods(self.tuning_methods)

    def _with_items(self, status: PluginStatus) -> PluginStatus:
        """Return the status with the items that the plugin registered and those that were left out."""
        registers = self._registers()
        return replace(
            status,
            provides=tuple(
                f"{register.noun}:{name}" for register in registers for name in register.names_of(status.id)
            ),
            left_out=tuple(reason for register in registers for reason in register.left_out_of(status.id)),
        )

    def _drop(self, plugin: str) -> None:
        """Remove a plugin and everything that it registered."""
        if self.plugins.has_plugin(plugin):
            self.plugins.unregister(name=plugin)
        for register in self._registers():
            register.drop(plugin)

    def _registers(
        self,
    ) -> tuple[Register[BaseModel], Register[Task], Register[RowValidator], Register[TuningMethod]]:
        return self.base_models, self.tasks, self.row_validators, self.tuning_methods


def _package(status: PluginStatus) -> str:
    """Return the distribution and version of a plugin, for messages."""
    return f"{status.distribution} {status.version}".strip() or "no package"


def _refuse_misspelt(module: ModuleType) -> None:
    """Refuse implementations that would never be called: those of an unknown hook, and wrappers.

    Raises:
        PluginValidationError: The module contains one.
    """
    known = {name for name in dir(spec) if hasattr(getattr(spec, name), f"{NAME}_spec")}
    for name in dir(module):
        options = getattr(getattr(module, name, None), f"{NAME}_impl", None)
        if options is None:
            continue
        if name not in known:
            raise pluggy.PluginValidationError(module, f"{name} is not a hook; use one of {', '.join(sorted(known))}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise pluggy.PluginValidationError(
                module, f"{name} is a wrapper, which is never called; make it a plain hook"
            )
