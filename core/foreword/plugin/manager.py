"""Loads plugins through their entry points, and knows what each of them brought."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from foreword.errors import FailedPreconditionError, ForewordError, NotFoundError
from foreword.observability.faults import log_fault
from foreword.plugin import NAME, spec
from foreword.plugin.interfaces import BaseModel, RowValidator, Task, TuningMethod
from foreword.plugin.register import Register

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


class PluginState(Enum):
    """What became of a plugin."""

    LOADED = "loaded"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """An installed plugin, loaded or not.

    Attributes:
        id: Entry-point name.
        distribution: Distribution that it came with, and its version.
        module: Module that the entry point names.
        error: Why it is not in use; empty when it is.
        provides: What it registered, such as `task:classification`.
        left_out: What it was asked for but cannot offer, each with problem and remedy.
    """

    id: str
    distribution: str
    version: str
    module: str
    state: PluginState
    error: str = ""
    provides: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class PluginManager:
    """The plugins of this process.

    A plugin that fails, in whatever way, is named with the reason and left out whole; the others load.

    Args:
        found: Entry points to load, in order.
        allow: Names that may load; empty means all.
        aliases: Other names for base models, beside those that the models bring themselves.
    """

    def __init__(
        self, found: Iterable[EntryPoint], *, allow: Sequence[str] = (), aliases: Mapping[str, str] | None = None
    ) -> None:
        self._pluggy = pluggy.PluginManager(NAME)
        self._pluggy.add_hookspecs(spec)
        self._aliases = dict(aliases or {})
        self.base_models: Register[BaseModel] = Register("base model", lambda item: item.spec.id)
        self.tasks: Register[Task] = Register("task", lambda item: item.id)
        self.row_validators: Register[RowValidator] = Register("row validator", lambda item: item.id)
        self.tuning_methods: Register[TuningMethod] = Register("tuning method", lambda item: item.id)
        found = list(found)
        self.statuses: tuple[PluginStatus, ...] = (
            *(self._load(point, allow) for point in found),
            *_missing(allow, {point.name for point in found}),
        )

    @classmethod
    def load(cls, allow: Sequence[str] = (), aliases: Mapping[str, str] | None = None) -> PluginManager:
        """Loads what is installed.

        Args:
            allow: Names that may load; empty means all.
            aliases: Other names for base models.
        """
        found = sorted(entry_points(group=NAME), key=lambda point: point.name)
        return cls(found, allow=allow, aliases=aliases)

    def implements(self, hook: str) -> bool:
        """Whether a plugin implements a hook."""
        return bool(getattr(self._pluggy.hook, hook).get_hookimpls())

    def notify(self, hook: str, **arguments: object) -> None:
        """Calls a lifecycle hook; what a plugin raises is logged and reaches neither the others nor the work.

        Args:
            hook: Name of the hook.
            arguments: Its arguments.
        """
        for implementation in self._implementations(hook):
            try:
                _call(implementation, arguments)
            except Exception:  # plugins are foreign code
                _log.exception("plugin %s raised in the hook %s", implementation.plugin_name, hook)

    def change(self, hook: str, name: str, value: Item, **arguments: object) -> Item:
        """Calls a hook that may replace one of its arguments; each plugin is handed what the one before made of it.

        Args:
            hook: Name of the hook.
            name: The argument.
            value: What it is at first.
            arguments: The others.

        Raises:
            InternalError: A plugin failed. Going on with the value as it was would let through what the plugin is there
                to take out.
            ForewordError: A plugin refuses; that is meant.
        """
        for implementation in self._implementations(hook):
            try:
                changed = _call(implementation, {**arguments, name: value})
                if changed is not None and not isinstance(changed, type(value)):
                    raise TypeError(f"it returned {type(changed).__name__}, not {type(value).__name__}")
            except ForewordError:
                raise
            except Exception as error:  # plugins are foreign code
                plugin = implementation.plugin_name
                raise log_fault(
                    "plugin_hook_failed",
                    f"The plugin {plugin} failed on this request, and the request is not answered without it.",
                    component="plugins",
                    plugin=plugin,
                    hook=hook,
                ) from error
            value = value if changed is None else changed
        return value

    def base_model(self, name: str) -> BaseModel:
        """A base model by id, resource name or alias; `/` may stand for `--`.

        Raises:
            FailedPreconditionError: A plugin was asked for it but cannot offer it; says why.
            NotFoundError: None of that name is installed; lists those that are.
        """
        id = name.removeprefix("baseModels/").replace("/", "--")
        candidates = (id, self._aliases.get(id), self._aliases.get(name))
        for candidate in candidates:
            found = self.base_models.get(candidate) if candidate else None
            if found is not None:
                return found
        for model in self.base_models:
            if id in model.spec.aliases or name in model.spec.aliases:
                return model
        for candidate in candidates:
            if candidate is not None and candidate in self.base_models.left_out:
                raise FailedPreconditionError(
                    self.base_models.left_out[candidate],
                    reason="BASE_MODEL_LEFT_OUT",
                    metadata={"resource": f"baseModels/{candidate}"},
                )
        installed = ", ".join(sorted(self.base_models.items)) or "none"
        raise NotFoundError(
            f"baseModels/{id[:200]} does not exist. Installed base models: {installed}.",
            metadata={"resource": f"baseModels/{id[:200]}"},
        )

    def _implementations(self, hook: str) -> Sequence[pluggy.HookImpl]:
        """Implementations of a hook in pluggy's order: the last one registered first."""
        return tuple(reversed(getattr(self._pluggy.hook, hook).get_hookimpls()))

    def _load(self, point: EntryPoint, allow: Sequence[str]) -> PluginStatus:
        """Loads one plugin, or tells why not."""
        distribution = point.dist.name if point.dist else ""
        version = point.dist.version if point.dist else ""

        def status(state: PluginState, error: str = "", provides: tuple[str, ...] = ()) -> PluginStatus:
            return PluginStatus(
                id=point.name,
                distribution=distribution,
                version=version,
                module=point.value,
                state=state,
                error=error,
                provides=provides,
            )

        if allow and point.name not in allow:
            return status(PluginState.BLOCKED, "not in FOREWORD_PLUGINS")
        try:
            module = point.load()
            self._pluggy.register(module, name=point.name)
            self._refuse_misspelt(module)
            provides, left_out = self._collect(point.name)
        except Exception as error:  # a plugin is foreign code: whatever it raises, the rest of the service starts
            self._drop(point.name)
            return status(PluginState.FAILED, f"{type(error).__name__}: {error}")
        for reason in left_out:
            _log.warning("plugin %s: %s", point.name, reason)
        return replace(status(PluginState.LOADED, provides=provides), left_out=left_out)

    def _refuse_misspelt(self, module: ModuleType) -> None:
        """Refuses implementations that would silently never fire: of no hook, as a name is misspelt, and wrappers."""
        known = {name for name in dir(spec) if hasattr(getattr(spec, name), f"{NAME}_spec")}
        for name in dir(module):
            if hasattr(getattr(module, name, None), f"{NAME}_impl") and name not in known:
                raise pluggy.PluginValidationError(
                    module, f"{name} is no hook; the hooks are {', '.join(sorted(known))}"
                )
            options = getattr(getattr(module, name, None), f"{NAME}_impl", None) or {}
            if options.get("wrapper") or options.get("hookwrapper"):
                raise pluggy.PluginValidationError(module, f"{name} is a wrapper, which is never called; implement it")

    def _registers(
        self,
    ) -> Mapping[str, Register[BaseModel] | Register[Task] | Register[RowValidator] | Register[TuningMethod]]:
        return {
            "register_base_models": self.base_models,
            "register_tasks": self.tasks,
            "register_row_validators": self.row_validators,
            "register_tuning_methods": self.tuning_methods,
        }

    def _collect(self, plugin: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Calls the register hooks of one plugin and tells what it added, and what it had to leave out and why."""
        others = [other for name, other in self._pluggy.list_name_plugin() if name != plugin and other is not None]
        provides: list[str] = []
        left_out: list[str] = []
        for hook, register in self._registers().items():
            before = {*register.items, *register.left_out}
            register.claim(plugin)
            self._pluggy.subset_hook_caller(hook, others)(register=register)
            provides += [f"{register.noun}:{name}" for name in register.items if name not in before]
            left_out += [reason for name, reason in register.left_out.items() if name not in before]
        return tuple(provides), tuple(left_out)

    def _drop(self, plugin: str) -> None:
        """Leaves a plugin out whole."""
        if self._pluggy.has_plugin(plugin):
            self._pluggy.unregister(name=plugin)
        for register in self._registers().values():
            register.drop(plugin)


def _call(implementation: pluggy.HookImpl, arguments: Mapping[str, object]) -> Any:
    """Calls one implementation with the arguments that it names."""
    return implementation.function(*(arguments[name] for name in implementation.argnames))


def _missing(allow: Sequence[str], found: set[str]) -> Iterable[PluginStatus]:
    """Names on the allow-list that nothing installed answers to."""
    return (
        PluginStatus(
            id=name,
            distribution="",
            version="",
            module="",
            state=PluginState.FAILED,
            error="FOREWORD_PLUGINS names it, but no installed package has such an entry point",
        )
        for name in allow
        if name not in found
    )
