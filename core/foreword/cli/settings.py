"""Settings of commands that run or set up a service. Options override the environment, which overrides defaults."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foreword.errors import FailedPreconditionError, FieldViolation, InvalidArgumentError
from foreword.private_files import make_private_folder

if TYPE_CHECKING:
    from foreword.config import Settings


_OTHER_VARIABLES = frozenset(
    {
        "FOREWORD_API_KEY",
        "FOREWORD_ENDPOINT",
        "FOREWORD_TLS_CA",
        "FOREWORD_TLS_CLIENT_CERTIFICATE",
        "FOREWORD_TLS_CLIENT_KEY",
        "FOREWORD_HUGGINGFACE_MODELS",
        "FOREWORD_SLACK_CONFIG",
    }
)
"""Variables of the client, the command line and built-in plugins."""


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
        named = re.search(r'field "(\w+)"', str(error))
        field = "settings" if named is None else f"FOREWORD_{named[1].upper()}"
        problem = error if named is None or error.__cause__ is None else f"must be valid JSON: {error.__cause__}"
        raise InvalidArgumentError.of(field, f"{problem}. See deploy/settings.md for its format.") from None
    except ValidationError as error:
        violations = [
            FieldViolation(
                field=_variable(*fault["loc"]),
                description=f"{fault['msg'].removeprefix('Value error, ')}, not {fault['input']!r}",
            )
            for fault in error.errors()
        ]
        raise InvalidArgumentError(violations) from None


def _variable(name: str | int = "settings", *path: str | int) -> str:
    """Return the environment variable of a setting, with the place in its value, such as `FOREWORD_X[0].name`."""
    places = (f"[{place}]" if isinstance(place, int) else f".{place}" for place in path)
    return f"FOREWORD_{str(name).upper()}{''.join(places)}"


def warn_of_misspelt_variables(environment: Mapping[str, str]) -> None:
    """Warn of environment variables that are almost the name of a setting. Plugins may have variables of their own."""
    from foreword.config import Settings

    known = {f"FOREWORD_{name.upper()}" for name in Settings.model_fields} | _OTHER_VARIABLES
    for name in sorted(environment):
        if not name.startswith("FOREWORD_") or name in known:
            continue
        for likely in get_close_matches(name, known, n=1, cutoff=0.85):
            if not name.startswith(f"{likely}_"):  # such as FOREWORD_API_KEY_ACME, which somebody chose
                click.echo(f"Warning: {name} is not a setting and has no effect; did you mean {likely}?", err=True)


def make_home(settings: Settings) -> None:
    """Create the home folder, readable only by its owner, because it contains the data of all tenants.

    Raises:
        FailedPreconditionError: The folder cannot be created.
    """
    try:
        make_private_folder(settings.home_folder)
    except OSError as error:
        raise FailedPreconditionError(
            f"The home {settings.home_folder} cannot be created ({error.strerror}). Choose another folder with "
            "--home or FOREWORD_HOME.",
            reason="HOME_UNAVAILABLE",
        ) from error


def warn_of_open_files(settings: Settings, database: Path | None, artifacts: Path | None) -> None:
    """Warn of files of tenants that every user of the machine may use. Access for a group may be intended.

    Args:
        database: File of the database, if it is one.
        artifacts: Folder of the artifacts, if it is one.
    """
    home = settings.home_folder
    _warn_if_open(home, "chmod 700")
    # The permissions of the home protect everything in it.
    if artifacts is not None and not artifacts.is_relative_to(home.resolve()):
        _warn_if_open(artifacts, "chmod -R go-rwx")
    if database is not None and not database.resolve().is_relative_to(home.resolve()):
        _warn_if_open(database, "chmod 600")


def _warn_if_open(path: Path, remedy: str) -> None:
    if path.exists() and path.stat().st_mode & 0o007:
        click.echo(
            f"Warning: every user of this machine can read {path}, which contains the data of all tenants. "
            f"Restrict it with `{remedy} {shlex.quote(str(path))}`.",
            err=True,
        )
