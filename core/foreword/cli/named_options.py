"""`--option NAME=VALUE`: options of the task and parameters of the tuning method, with the types they declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import click

from foreword.domain.experiment import TaskOptions
from foreword.domain.near_names import did_you_mean
from foreword.domain.parameters import ParameterSpec, listed

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_COMMON: Final = {"labels": "--labels", "multi_label": "--multi-label", "separator": "--separator"}
"""Options of tasks that have their own command-line options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A task or a tuning method with its options.

    Attributes:
        kind: `task` or `method`; as a prefix of a name, it selects the owner of the option.
    """

    kind: str
    id: str
    specs: tuple[ParameterSpec, ...]

    @property
    def own(self) -> dict[str, ParameterSpec]:
        """The options without their own command-line option, by name."""
        return {spec.name: spec for spec in self.specs if spec.name not in _COMMON}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOptions:
    """Values by name, for the task and for the tuning method."""

    task: Mapping[str, Any] = field(default_factory=dict)
    method: Mapping[str, Any] = field(default_factory=dict)

    def within(self, options: TaskOptions) -> TaskOptions:
        """Return the options of a task with these values added."""
        return replace(options, extra=dict(self.task)) if self.task else options


def named_options(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the repeatable option `--option NAME=VALUE` to a command, passed as `named`."""
    return click.option("--option", "named", metavar="NAME=VALUE", multiple=True, help=help)


def chosen(holders: Sequence[Holder], id: str, *, option: str) -> Sequence[Holder]:
    """Return the holder with this id, or all holders if the id is empty.

    Args:
        option: The command-line option that set the id.

    Raises:
        BadParameter: No holder has this id.
    """
    found = [holder for holder in holders if not id or holder.id == id]
    if not found and id:
        names = ", ".join(sorted(holder.id for holder in holders)) or "none"
        near = did_you_mean(id, [holder.id for holder in holders])
        raise click.BadParameter(f"{id!r} is not installed (installed: {names}){near}", param_hint=option)
    return found


def read_named_options(given: Sequence[str], holders: Sequence[Holder]) -> NamedOptions:
    """Parse options, each with the type that its task or method declares.

    Args:
        given: `NAME=VALUE`; the prefix `task.` or `method.` selects the owner of an option.
        holders: The task and the method; several tasks if the task is not known yet, any of which may have the option.

    Raises:
        BadParameter: An option is unknown or set twice, or its value has a wrong type or is out of range.
    """
    values: dict[str, dict[str, Any]] = {"task": {}, "method": {}}
    for text in given:
        name, equals, value = text.partition("=")
        kind, dot, rest = name.partition(".")
        if dot and kind in values:
            name, asked = rest, [holder for holder in holders if holder.kind == kind]
        else:
            asked = list(holders)
        if not equals:
            raise _bad(f"{text!r} has no value; write NAME=VALUE. {_known(holders)}")
        found = [holder for holder in asked if name in holder.own]
        kinds = {holder.kind for holder in found}
        if not found:
            near = did_you_mean(name, [known for holder in asked for known in holder.own])
            raise _bad(f"{name!r} {_elsewhere(name) or 'is unknown'}. {_known(holders)}{near.removeprefix('.')}")
        if len(kinds) > 1:
            raise _bad(f"both the task and the tuning method have {name!r}; write task.{name}=... or method.{name}=...")
        (kind,) = kinds
        if name in values[kind]:
            raise _bad(f"{name!r} is set twice; set it once")
        values[kind][name] = _value(name, value, [holder.own[name] for holder in found])
    return NamedOptions(**values)


def _value(name: str, text: str, specs: Sequence[ParameterSpec]) -> Any:
    """Return the value of a text, parsed by the first specification that allows it."""
    faults: list[str] = []
    for spec in specs:
        value = _parsed(text, spec.type)
        fault = spec.fault(value)
        if fault is None:
            return value
        faults.append(fault)
    raise _bad(f"{name!r} {faults[0]}")


def _parsed(text: str, type: str) -> Any:
    """The text as a value of a type, or as it is where it does not stand for one."""
    try:
        match type:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return text.lower() in _TRUE if text.lower() in _TRUE | _FALSE else text
            case "string_list":
                return [part.strip() for part in text.split(",") if part.strip()]
    except ValueError:
        pass
    return text


def _known(holders: Iterable[Holder]) -> str:
    """Return a sentence about the options of each holder."""
    nouns = {"task": "The task", "method": "The tuning method"}
    return " ".join(f"{nouns[holder.kind]} {holder.id} has {listed(holder.own.values())}." for holder in holders)


def _elsewhere(name: str) -> str:
    """Return a hint to the command-line option that sets this value; empty if there is none."""
    from foreword.domain.parameters import TUNE_PARAMETER_SPECS

    if name in _COMMON:
        return f"is set with {_COMMON[name]}"
    if name in {spec.name for spec in TUNE_PARAMETER_SPECS}:
        return f"is set with --{name.replace('_', '-')} of `foreword tune`"
    return ""


def _bad(problem: str) -> click.BadParameter:
    return click.BadParameter(problem, param_hint="--option")
