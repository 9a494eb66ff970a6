"""Settings of the commands that run or set up a service: flags over environment over defaults."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.errors import FailedPreconditionError, FieldViolation, InvalidArgumentError

if TYPE_CHECKING:
    from foreword.config import Settings


def home_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the option `--home`."""
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder with database and artifacts.  [FOREWORD_HOME; default: ~/.foreword]",
    )(function)


def read_settings(**flags: Any) -> Settings:
    """Reads the settings; flags that are None were not given.

    Raises:
        InvalidArgumentError: A setting is wrong; names every one by its environment variable.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from foreword.config import Settings

    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        raise InvalidArgumentError.of("settings", f"{error}. Compare it with deploy/settings.md.") from None
    except ValidationError as error:
        violations = [
            FieldViolation(
                field=f"FOREWORD_{str(fault['loc'][0] if fault['loc'] else 'settings').upper()}",
                description=f"{fault['msg']}, not {fault['input']!r}",
            )
            for fault in error.errors()
        ]
        raise InvalidArgumentError(violations) from None


def make_home(settings: Settings) -> None:
    """Makes the home folder, which only its owner may enter: it holds everybody's data.

    Raises:
        FailedPreconditionError: It cannot be created.
    """
    try:
        settings.home_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FailedPreconditionError(
            f"The home {settings.home_folder} cannot be created ({error.strerror}). Choose another folder with "
            "--home or FOREWORD_HOME.",
            reason="HOME_UNAVAILABLE",
        ) from error


def warn_of_open_home(settings: Settings) -> None:
    """Says when a home that somebody else made lets every user of the machine in. A group may be let in on purpose."""
    home = settings.home_folder
    if home.stat().st_mode & 0o007:
        click.echo(
            f"Warning: every user of this machine may enter {home}, which holds everybody's data. "
            f"Close it with `chmod 700 {shlex.quote(str(home))}`.",
            err=True,
        )
