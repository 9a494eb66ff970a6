"""The root of all commands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

import click

from foreword.errors import ForewordError, InvalidArgumentError, UnavailableError
from foreword.installation import install_command

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("foreword.cli.demo:demo", "Shows the whole product at work, on this machine."),
    "init": ("foreword.cli.init:init", "Sets up a home, a first tenant and its key."),
    "serve": ("foreword.cli.serve:serve", "Runs the service."),
    "worker": ("foreword.cli.worker:worker", "Runs one more worker beside a service."),
    "plugins": ("foreword.cli.plugins:plugins", "Lists installed plugins, begins a new one."),
    "catalog": (
        "foreword.cli.catalog:catalog",
        "Lists the base models, tasks and tuning methods of a service.",
    ),
    "data": ("foreword.cli.data:data", "Checks training data."),
    "datasets": ("foreword.cli.datasets:datasets", "Manages stored training data."),
    "tune": ("foreword.cli.tune:tune", "Tunes a prompt on a file of examples."),
    "experiments": ("foreword.cli.experiments:experiments", "Manages tuning runs."),
    "models": ("foreword.cli.models:models", "Manages tuned models."),
    "deploy": ("foreword.cli.deployments:deploy", "Puts a model behind a serving name."),
    "deployments": ("foreword.cli.deployments:deployments", "Manages what is served."),
    "spaces": ("foreword.cli.spaces:spaces", "Manages the places that deployments live in."),
    "generate": ("foreword.cli.inference:generate", "Answers with text."),
    "lab": ("foreword.cli.lab:lab", "Tries prompts by hand, tuned against base."),
    "classify": ("foreword.cli.inference:classify", "Answers with labels and probabilities."),
    "tokenize": ("foreword.cli.inference:tokenize", "Counts tokens."),
    "whoami": ("foreword.cli.tenants:whoami", "Tells whom the key speaks for."),
    "tenants": ("foreword.cli.tenants:tenants", "Manages tenants."),
    "keys": ("foreword.cli.tenants:keys", "Manages API keys."),
}
"""Where each command is and what it does. The help is here as well, so that listing all loads none of them."""

_MOST_FAULTS_SHOWN = 20


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called.

    Other packages add theirs through entry points of the group `foreword.commands`; none takes the place of a command
    of ours.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, ours in the order in which they are used."""
        return [*COMMANDS, *sorted(_added_commands())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        if cmd_name in COMMANDS:
            module, attribute = COMMANDS[cmd_name][0].split(":")
            command = getattr(import_module(module), attribute)
        elif cmd_name in _added_commands():
            command = _added_commands()[cmd_name].load()
        else:
            return None
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands; of ours, none is imported."""
        rows = [(name, help) for name, (_, help) in COMMANDS.items()]
        for name in sorted(_added_commands()):
            try:
                command = self.get_command(ctx, name)
            except ImportError as error:
                rows.append((name, f"Cannot be loaded: {error}."))
            else:
                assert command is not None
                rows.append((name, command.get_short_help_str(limit=100)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _added_commands() -> dict[str, EntryPoint]:
    found = {item.name: item for item in entry_points(group="foreword.commands")}
    return {name: item for name, item in found.items() if name not in COMMANDS}


@click.command(cls=LazyGroup, name="foreword", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="foreword", message="%(prog)s %(version)s")
def application() -> None:
    """Prompt tuning as a service: tune, deploy and serve small adapters of one frozen language model.

    Commands that talk to a service find it at FOREWORD_ENDPOINT and show the key in FOREWORD_API_KEY.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits: 0 when it worked, 1 when it did not, 2 when it was called wrongly."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status; every error is told in a line that names the remedy."""
    try:
        status = application.main(
            None if arguments is None else list(arguments), prog_name="foreword", standalone_mode=False
        )
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return _tell(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except InvalidArgumentError as error:
        return _tell(_faults(error))
    except UnavailableError as error:
        return _tell(error.operator_message)
    except ForewordError as error:
        return _tell(error.message)
    except BrokenPipeError:
        # The reader of a pipe has gone, as `| head` does. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        return _tell(
            f"This command needs the package {error.name!r}, which is not installed. "
            f"Install what it needs with: {install_command(_extra_of(arguments))}"
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _tell(f"{where}{error.strerror or error}.")
    except Exception as error:  # the process root: people get a line, whoever asks for it the traceback
        if os.environ.get("FOREWORD_LOG_LEVEL") == "debug":
            raise
        return _tell(
            f"A fault of Foreword itself: {type(error).__name__}: {error}. "
            f"FOREWORD_LOG_LEVEL=debug shows where; please report it."
        )


def _extra_of(arguments: Sequence[str] | None) -> str:
    """The extra that a command needs: one of its own name, as the Slack bot has, or else the server's."""
    given = sys.argv[1:] if arguments is None else arguments
    command = next((item for item in given if not item.startswith("-")), "")
    return command if command in _added_commands() else "server"


def _faults(error: InvalidArgumentError) -> str:
    """One fault in a line; several as a list."""
    if len(error.violations) < 2:
        return error.message
    shown = [f"  {item.field}: {item.description}" for item in error.violations[:_MOST_FAULTS_SHOWN]]
    if len(error.violations) > _MOST_FAULTS_SHOWN:
        shown.append(f"  and {len(error.violations) - _MOST_FAULTS_SHOWN} more")
    return "\n".join([f"{len(error.violations)} values are wrong:", *shown])


def _tell(message: str) -> int:
    click.echo(f"Error: {message}", err=True)
    return 1
