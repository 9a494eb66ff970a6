"""Settings of commands that run or set up a service. Options override the environment, which overrides defaults."""

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
    """Add the option `--home` to a command."""
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the database and the artifacts.  [env var: FOREWORD_HOME; default: ~/.foreword]",
    )(function)


def read_settings(**flags: Any) -> Settings:
    """Read the settings; flags that are None are ignored.

    Raises:
        InvalidArgumentError: Settings are wrong. The error names all of them by their environment variables.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from foreword.config import Settings

    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        raise InvalidArgumentError.of("settings", f"{error}. See deploy/settings.md for its format.") from None
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
    """Create the home folder, readable only by its owner, because it contains the data of all tenants.

    Raises:
        FailedPreconditionError: The folder cannot be created.
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
    """Warn if every user of the machine may enter an existing home. Access for its group may be intended."""
    home = settings.home_folder
    if home.stat().st_mode & 0o007:
        click.echo(
            f"Warning: every user of this machine can read {home}, which contains the data of all tenants. "
            f"Restrict it with `chmod 700 {shlex.quote(str(home))}`.",
            err=True,
        )
