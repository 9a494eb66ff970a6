"""Variables in prompts, and the templates of tuned models, called verbalizers.

Texts are composed only after their length is known: a value can occur in many places, and a few kilobytes in a request
could otherwise become gigabytes in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError

MAX_PROMPT: Final = 1_000_000
"""Maximum length of a prompt in characters, after its parts are joined and its variables have their values."""

MAX_TEMPLATE: Final = 20_000
"""Maximum length of a template in characters."""

MAX_INPUT: Final = MAX_PROMPT + MAX_TEMPLATE
"""Maximum length of the input of a model in characters: a prompt in its template."""

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_MOST_LISTED: Final = 10
_SHOWN_CHARACTERS: Final = 80


def variable_names(texts: Iterable[str]) -> set[str]:
    """Return the names of the variables that these texts contain as `{{name}}`."""
    return {found[1] for text in texts for found in _VARIABLE.finditer(text)}


def check_variables(texts: Iterable[str], variables: Mapping[str, str], field: str) -> None:
    """Check that every `{{name}}` in these texts has a value and that every value is used.

    Raises:
        InvalidArgumentError: A variable has no value, or a value is not used. The error names the first ten of each.
    """
    names = variable_names(texts)
    violations = Violations()
    missing = sorted(names - set(variables))
    for name in missing[:_MOST_LISTED]:
        shown = _shown(name)
        violations.add(field, f"has no value for {shown}, which the prompt contains as {{{{{shown}}}}}; add it")
    if len(missing) > _MOST_LISTED:
        violations.add(field, f"has no values for {len(missing) - _MOST_LISTED:,} more variables of the prompt")
    for name in sorted(set(variables) - names)[:_MOST_LISTED]:
        shown = _shown(name)
        violations.add(
            f"{field}.{shown}",
            f"is not used; write {{{{{shown}}}}} in the prompt where the value belongs, or remove it",
        )
    violations.check()


def filled_length(text: str, variables: Mapping[str, str]) -> int:
    """Return the length of the result of `fill_variables`, without building it."""
    grown = (len(variables[found[1]]) - len(found[0]) for found in _VARIABLE.finditer(text) if found[1] in variables)
    return len(text) + sum(grown)


def fill_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace each `{{name}}` in a text by its value; variables without a value are kept.

    Values are inserted as plain text, even if they contain `{{name}}` themselves. Check `filled_length` first.
    """
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)


def check_verbalizer(template: str, field: str) -> None:
    """Check that a template contains `{{input}}` exactly once and no other variable; `{0, 1}` is plain text.

    Raises:
        InvalidArgumentError: `{{input}}` is missing or repeated, or the template contains another variable.
    """
    found = list(_VARIABLE.finditer(template))
    unknown = sorted({variable[1] for variable in found} - {"input"})
    if unknown:
        listed = ", ".join(f"{{{{{_shown(name)}}}}}" for name in unknown[:_MOST_LISTED])
        more = f" and {len(unknown) - _MOST_LISTED:,} more" if len(unknown) > _MOST_LISTED else ""
        raise InvalidArgumentError.of(field, f"contains unknown variables: {listed}{more}; use only {{{{input}}}}")
    if not found:
        raise InvalidArgumentError.of(
            field, "must contain {{input}} where the text belongs, for example: classify: {{input}}"
        )
    if len(found) > 1:
        raise InvalidArgumentError.of(
            field,
            f"contains {{{{input}}}} {len(found):,} times, the second time at character {found[1].start() + 1:,}; "
            "keep one of them",
        )


def verbalized_length(template: str, length: int) -> int:
    """Return the length of a text of `length` characters in a template, without building it."""
    found = [len(variable[0]) for variable in _VARIABLE.finditer(template)]
    return len(template) - sum(found) + len(found) * length


def apply_verbalizer(template: str, text: str) -> str:
    """Replace `{{input}}` in a template by `text`.

    Raises:
        InvalidArgumentError: The result would have more than `MAX_INPUT` characters.
    """
    length = verbalized_length(template, len(text))
    if length > MAX_INPUT:
        raise InvalidArgumentError.of(
            "text",
            f"makes an input of {length:,} characters in the template of the model, and at most {MAX_INPUT:,} are "
            "possible; shorten the text",
            reason="TEXT_TOO_LONG",
        )
    return _VARIABLE.sub(lambda _: text, template)


def input_offset(template: str) -> int:
    """Return the position of the text in the result of `apply_verbalizer`; the first if the template repeats it."""
    found = _VARIABLE.search(template)
    return found.start() if found else len(template)


def _shown(name: str) -> str:
    """Return a name for an error, truncated if it is long."""
    return name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}..."
