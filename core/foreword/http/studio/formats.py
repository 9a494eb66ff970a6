"""How values are written on pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def short_name(name: str) -> str:
    """Return the last part of a resource name."""
    return name.rsplit("/", 1)[-1]


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals; a dash if there is none."""
    if value is None or math.isnan(value):
        return "\N{EN DASH}"
    return f"{value:,.{digits}f}" if isinstance(value, float) else f"{value:,}"


def duration(seconds: float | None) -> str:
    """Return a time span in its two largest units, such as `2 min 5 s`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def size(count: int) -> str:
    """Return a number of bytes, such as `24.7 kB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def percent(share: float | None) -> str:
    """Return a share as a percentage; a dash if there is none."""
    return "\N{EN DASH}" if share is None else f"{100 * share:.1f} %"


def moment(time: datetime | None) -> str:
    """Return a time in UTC to the second; a dash if there is none."""
    return "\N{EN DASH}" if time is None else time.strftime("%Y-%m-%d %H:%M:%S")


def clock(time: datetime | None) -> str:
    """Return the time of day in UTC; a dash if there is none."""
    return "\N{EN DASH}" if time is None else time.strftime("%H:%M:%S")


def stamp(time: datetime | None) -> str:
    """Return a time for machines, as in the attribute `datetime`."""
    return "" if time is None else time.isoformat()


def plural(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 row` or `2 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def millions(count: int) -> str:
    """Return a large number in millions or billions, such as `27 M`."""
    if count >= 10**9:
        return f"{count / 1e9:.3g} B"
    return f"{count / 1e6:.3g} M" if count >= 10**6 else f"{count:,}"


def switch(text: str, kind: str) -> str:
    """Return a value as people read it: a boolean, a parameter of the type `bool`, is on or off."""
    return {"true": "on", "false": "off"}.get(text, text) if kind == "bool" else text


def words(identifier: str) -> str:
    """Return an identifier as words, such as `exact set match`."""
    return identifier.replace("_", " ")


def looks_like_number(text: str) -> bool:
    """Return whether a text of a table is a number, so that it stands at the right."""
    try:
        float(text.rstrip("%").replace(",", ""))
    except ValueError:
        return False
    return True


def parameter_text(value: Any) -> str:
    """Return the value of a parameter as people write it; a dash for none."""
    match value:
        case None:
            return "\N{EN DASH}"
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:.10g}"
        case list() | tuple():
            return ", ".join(str(item) for item in value)
    return str(value) or "empty"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    function.__name__: function
    for function in (
        short_name,
        number,
        duration,
        size,
        percent,
        moment,
        clock,
        stamp,
        plural,
        millions,
        switch,
        words,
        looks_like_number,
    )
}
