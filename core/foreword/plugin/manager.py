"""The plugins of a process: the items that they provide, and their hooks as typed methods."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy

from foreword.domain.near_names import did_you_mean
from foreword.entry_points import installed_entry_points
from foreword.errors import FailedPreconditionError, ForewordError, NotFoundError
from foreword.plugin import NAME
from foreword.plugin.interfaces import BaseModel
from foreword.plugin.loader import PluginLoader

if TYPE_CHECKING:
    from foreword.domain.experiment import Progress, TuneExperiment
    from foreword.domain.inference_call import InferenceCall, InferenceOutcome

_log = logging.getLogger(__name__)


class PluginManager:
    """The plugins of this process.

    A plugin that raises while it loads is left out as a whole, with the reason in its status. The others load.

    Args:
        found: Entry points to load.
        allow: Plugins that may load, as `distribution` or `distribution:name`; empty means all.
        aliases: Other names for base models, in addition to the aliases of the models themselves.

    Attributes:
        statuses: One status for each plugin, those that come with Foreword first.
    """

    def __init__(
        self, found: Iterable[EntryPoint], *, allow: Sequence[str] = (), aliases: Mapping[str, str] | None = None
    ) -> None:
        loader = PluginLoader()
        self.statuses = loader.load(found, allow)
        self.base_models = loader.base_models
        self.tasks = loader.tasks
        self.row_validators = loader.row_validators
        self.tuning_methods = loader.tuning_methods
        self._aliases = dict(aliases or {})
        self._hook = loader.plugins.hook

    @classmethod
    def load(cls, allow: Sequence[str] = (), aliases: Mapping[str, str] | None = None) -> PluginManager:
        """Load the installed plugins.

        Args:
            allow: Plugins that may load, as `distribution` or `distribution:name`; empty means all.
            aliases: Other names for base models.
        """
        return cls(installed_entry_points(NAME), allow=allow, aliases=aliases)

    @property
    def changes_texts(self) -> bool:
        """True if a plugin implements `before_generate`."""
        return bool(self._hook.before_generate.get_hookimpls())

    @property
    def observes_answers(self) -> bool:
        """True if a plugin implements `after_generate`."""
        return bool(self._hook.after_generate.get_hookimpls())

    def experiment_started(self, experiment: TuneExperiment) -> None:
        """Notify the plugins that a worker takes an experiment."""
        _notify(self._hook.experiment_started, experiment=experiment)

    def experiment_progressed(self, experiment: TuneExperiment, progress: Progress) -> None:
        """Notify the plugins of a new snapshot."""
        _notify(self._hook.experiment_progressed, experiment=experiment, progress=progress)

    def experiment_finished(self, experiment: TuneExperiment) -> None:
        """Notify the plugins that an experiment has ended, in whatever state."""
        _notify(self._hook.experiment_finished, experiment=experiment)

    def before_generate(self, call: InferenceCall, text: str) -> str:
        """Return an input as changed by the plugins, one after the other.

        Raises:
            InternalError: A plugin failed. The unchanged text is not used: it may contain what the plugin removes.
            ForewordError: A plugin refuses the request.
        """
        problem = "failed on this request. The request is not answered without it."
        return _changed(self._hook.before_generate, text, {"call": call}, problem)

    def redact_captured(self, text: str) -> str:
        """Return a text as it may be stored, changed by the plugins one after the other.

        Raises:
            InternalError: A plugin failed. The unchanged text is not used: it may contain what the plugin removes.
        """
        return _changed(self._hook.redact_captured, text, {}, "failed on a text. The text is not stored.")

    def after_generate(self, call: InferenceCall, outcome: InferenceOutcome) -> None:
        """Notify the plugins that a request was answered, failed or was cancelled."""
        _notify(self._hook.after_generate, call=call, outcome=outcome)

    def base_model(self, name: str) -> BaseModel:
        """Return a base model by id, resource name or alias; `/` may stand for `--`.

        Raises:
            FailedPreconditionError: The model is configured, but its plugin cannot provide it; the message says why.
            NotFoundError: No base model of that name is installed; the message lists those that are.
        """
        id = name.removeprefix("baseModels/").replace("/", "--")
        candidates = (id, self._aliases.get(id), self._aliases.get(name))
        for candidate in candidates:
            found = self.base_models.get(candidate) if candidate else None
            if found is not None:
                return found
        aliased = self.base_models.by_alias(id) or self.base_models.by_alias(name)
        if aliased is not None:
            return aliased
        for candidate in candidates:
            if candidate is not None and candidate in self.base_models.left_out:
                raise FailedPreconditionError(
                    self.base_models.left_out[candidate],
                    reason="BASE_MODEL_LEFT_OUT",
                    metadata={"resource": f"baseModels/{candidate}"},
                )
        installed = ", ".join(sorted(self.base_models.items)) or "none"
        raise NotFoundError(
            f"baseModels/{id[:128]} does not exist. Installed base models: {installed}"
            f"{did_you_mean(id, self.base_models.items) or '.'}",
            metadata={"resource": f"baseModels/{id[:128]}"},
        )


def _notify(hook: pluggy.HookCaller, **arguments: object) -> None:
    """Call a lifecycle hook. An exception in a plugin is logged and stops neither the other plugins nor the work."""
    for implementation in _implementations(hook):
        try:
            _call(implementation, arguments)
        except Exception:  # plugins are foreign code
            _log.exception("plugin %s raised in the hook %s", implementation.plugin_name, hook.name)


def _changed(hook: pluggy.HookCaller, text: str, arguments: Mapping[str, object], problem: str) -> str:
    """Return a text as changed by the plugins, one after the other.

    Args:
        arguments: The arguments of the hook besides the text.
        problem: What it means if a plugin fails, after its name.

    Raises:
        InternalError: A plugin failed.
        ForewordError: A plugin refuses the text.
    """
    for implementation in _implementations(hook):
        plugin = implementation.plugin_name
        try:
            changed = _call(implementation, {**arguments, "text": text})
            if changed is not None and not isinstance(changed, str):
                raise TypeError(f"it returned {type(changed).__name__}, not str")
        except ForewordError:
            raise
        except Exception as error:  # plugins are foreign code
            from foreword.observability.faults import log_fault  # logs; data checks in a client's installation do not

            raise log_fault(
                "plugin_hook_failed",
                f"The plugin {plugin} {problem}",
                component="plugins",
                plugin=plugin,
                hook=hook.name,
            ) from error
        text = text if changed is None else changed
    return text


def _implementations(hook: pluggy.HookCaller) -> Sequence[pluggy.HookImpl]:
    """Return the implementations of a hook in pluggy's order: the last one registered first."""
    return tuple(reversed(hook.get_hookimpls()))


def _call(implementation: pluggy.HookImpl, arguments: Mapping[str, object]) -> Any:
    """Call one implementation with the arguments that it names."""
    return implementation.function(*(arguments[name] for name in implementation.argnames))
