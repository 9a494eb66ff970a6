"""The kinds of plugin that a new package can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object that plugins register.

    Attributes:
        module: Name of its module in the package and of the template.
        interface: Interface in `foreword.plugin.interfaces`.
        item: Name of the class in the module.
        hook: Hook that registers it.
        noun: Noun for it in texts.
    """

    module: str
    interface: str
    item: str
    hook: str
    noun: str


KINDS: Final = {
    "task": Kind(
        module="task", interface="Task", item="FirstWord", hook="register_tasks", noun="a task"
    ),
    "validator": Kind(
        module="row_validator", interface="RowValidator", item="Placeholders", hook="register_row_validators",
        noun="a row validator",
    ),
    "base-model": Kind(
        module="base_model", interface="BaseModel", item="RandomModel", hook="register_base_models",
        noun="a base model",
    ),
    "method": Kind(
        module="tuning_method", interface="TuningMethod", item="PlainPrompt", hook="register_tuning_methods",
        noun="a tuning method",
    ),
}  # fmt: skip
"""The kinds, by the value of `--kind`."""
