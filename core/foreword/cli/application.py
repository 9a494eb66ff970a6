"""The root command. Here errors become a message and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint
from io import StringIO

import click

from foreword.entry_points import installed_entry_points, is_impostor
from foreword.errors import ForewordError, InvalidArgumentError, UnavailableError
from foreword.installation import install_command
from foreword.redaction import redact

_INTERRUPT_SECONDS = 0.05
"""Time after which an ignored Ctrl-C is repeated."""

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("foreword.cli.demo:demo", "Run a complete walk-through on this machine."),
    "init": ("foreword.cli.init:init", "Set up a home folder with a first tenant and its key."),
    "serve": ("foreword.cli.serve:serve", "Run the service."),
    "http": ("foreword.cli.http:http", "Offer a service over HTTP, like OpenAI's API."),
    "worker": ("foreword.cli.worker:worker", "Run an additional tuning worker."),
    "top": ("foreword.cli.top:top", "Show tenants, models, queues and workers live."),
    "plugins": ("foreword.cli.plugins:plugins", "List installed plugins or create a new one."),
    "catalog": (
        "foreword.cli.catalog:catalog",
        "List the base models, tasks, tuning methods and parameters.",
    ),
    "data": ("foreword.cli.data:data", "Check, correct, divide and compare training data."),
    "datasets": ("foreword.cli.datasets:datasets", "Manage stored training data."),
    "tune": ("foreword.cli.tune:tune", "Tune a prompt on a file of examples."),
    "experiments": ("foreword.cli.experiments:experiments", "Manage tuning runs."),
    "sweep": ("foreword.cli.sweep:sweep", "Tune with several parameters at once and keep the best."),
    "sweeps": ("foreword.cli.sweeps:sweeps", "Manage sweeps."),
    "evaluate": ("foreword.cli.evaluate:evaluate", "Measure and compare models on labelled rows."),
    "evaluations": ("foreword.cli.evaluations:evaluations", "Manage evaluations."),
    "models": ("foreword.cli.models:models", "Manage tuned models."),
    "deploy": ("foreword.cli.deployments:deploy", "Deploy a model under a serving name."),
    "deployments": ("foreword.cli.deployments:deployments", "Manage deployments."),
    "spaces": ("foreword.cli.spaces:spaces", "Manage spaces, the groups of deployments."),
    "generate": ("foreword.cli.inference:generate", "Generate an answer."),
    "lab": ("foreword.cli.lab:lab", "Try prompts interactively, tuned against base model."),
    "prompts": ("foreword.cli.prompts:prompts", "Manage saved prompts, which a tenant shares."),
    "classify": ("foreword.cli.inference:classify", "Classify a text or the rows of a file."),
    "feedback": ("foreword.cli.feedback:feedback", "Say what is right about an answer."),
    "batch": ("foreword.cli.batch:batch", "Answer all rows of a file with a model."),
    "batches": ("foreword.cli.batches:batches", "Manage batch jobs."),
    "tokenize": ("foreword.cli.inference:tokenize", "Count the tokens of a text."),
    "webhooks": ("foreword.cli.webhooks:webhooks", "Manage webhooks, to which events are sent."),
    "whoami": ("foreword.cli.tenants:whoami", "Show the key, its scopes and its tenant."),
    "tenants": ("foreword.cli.tenants:tenants", "Manage tenants."),
    "keys": ("foreword.cli.keys:keys", "Manage API keys."),
    "audit": ("foreword.cli.audit:audit", "Show who has changed what, and check the record."),
    "usage": ("foreword.cli.usage:usage", "Show what a tenant has used."),
    "quotas": ("foreword.cli.usage:quotas", "Show or set what a tenant may use."),
}
"""The module and the help of each command. The help is repeated here so that `--help` does not import them."""

_MOST_FAULTS_SHOWN = 20


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called.

    Other packages add commands through entry points of the group `foreword.commands`. They cannot replace the
    commands of Foreword.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; the built-in ones in the order in which they are used."""
        return [*COMMANDS, *sorted(_added_commands())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name in COMMANDS:
            module, attribute = COMMANDS[cmd_name][0].split(":")
            command = getattr(import_module(module), attribute)
        elif cmd_name in _added_commands():
            command = _added_commands()[cmd_name].load()
        else:
            return None
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, or suggest one that is spelt alike."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            likely = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not likely:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {likely[0]!r}?", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing the built-in ones."""
        rows = [(name, help) for name, (_, help) in COMMANDS.items()]
        for name in sorted(_added_commands()):
            try:
                command = self.get_command(ctx, name)
            except ImportError as error:
                rows.append((name, f"(cannot be loaded: {error})"))
            else:
                assert command is not None
                rows.append((name, command.get_short_help_str(limit=100)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _added_commands() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for item in installed_entry_points("foreword.commands"):
        if item.name not in COMMANDS and not is_impostor(item):
            found.setdefault(item.name, item)
    return found


@click.command(cls=LazyGroup, name="foreword", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="foreword", message="%(prog)s %(version)s")
def application() -> None:
    """Prompt tuning as a service: tune, deploy and serve small adapters of one frozen language model.

    Set FOREWORD_ENDPOINT to the address of the service and FOREWORD_API_KEY to your API key.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with status 0 for success, 1 for a failure or 2 for wrong usage."""
    threading.excepthook = _print_fault_of_thread
    sys.unraisablehook = _repeat_ignored_interrupt
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status. Errors are printed with their remedies."""
    try:
        status = application.main(
            None if arguments is None else list(arguments), prog_name="foreword", standalone_mode=False
        )
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.UsageError as error:
        usage = StringIO()
        error.show(usage)
        click.echo(redact(usage.getvalue()), err=True, nl=False)
        return 2
    except click.ClickException as error:
        return _report(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except InvalidArgumentError as error:
        return _report(_faults(error))
    except UnavailableError as error:
        return _report(error.operator_message)
    except ForewordError as error:
        return _report(error.message)
    except BrokenPipeError:
        # The reader of a pipe has exited, as `| head` does. Python would report it again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        return _report(
            f"This command needs the package {error.name!r}, which is not installed. "
            f"Install it with: {install_command(_extra_of(arguments))}"
        )
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _report(f"{where}{error.strerror or error}.")
    except Exception as error:  # the process root: print one line, or the traceback at log level debug
        if os.environ.get("FOREWORD_LOG_LEVEL") == "debug":
            click.echo(redact(traceback.format_exc()), err=True, nl=False)
            return 1
        if isinstance(error, ValueError) and "embedded null" in str(error):
            return _report("A path contains the character NUL, which no path can contain. Correct the path.")
        return _report(
            f"Internal error: {type(error).__name__}: {error}. "
            f"Set FOREWORD_LOG_LEVEL=debug to print the traceback, and report it."
        )


def _extra_of(arguments: Sequence[str] | None) -> str:
    """Return the extra that a command needs: that of its own name, as for HTTP and the bot, otherwise the server's."""
    given = sys.argv[1:] if arguments is None else arguments
    command = next((item for item in given if not item.startswith("-")), "")
    return command if command == "http" or command in _added_commands() else "server"


def _faults(error: InvalidArgumentError) -> str:
    """Return the message for one fault, or a list of several faults."""
    if len(error.violations) < 2:
        return error.message
    shown = [f"  {item.field}: {item.description}" for item in error.violations[:_MOST_FAULTS_SHOWN]]
    if len(error.violations) > _MOST_FAULTS_SHOWN:
        shown.append(f"  and {len(error.violations) - _MOST_FAULTS_SHOWN} more")
    return "\n".join([f"{len(error.violations)} values are wrong:", *shown])


def _print_fault_of_thread(fault: threading.ExceptHookArgs) -> None:
    """Print the traceback of a thread without secrets."""
    if fault.exc_value is not None and not isinstance(fault.exc_value, SystemExit):
        click.echo(redact("".join(traceback.format_exception(fault.exc_value))), err=True, nl=False)


def _repeat_ignored_interrupt(ignored: sys.UnraisableHookArgs) -> None:
    """Repeat a Ctrl-C that Python has ignored because a finalizer or a callback of C code was running."""
    if not isinstance(ignored.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    main_thread = threading.main_thread().ident
    # Not at once, because this hook is such a callback.
    repeat = threading.Timer(_INTERRUPT_SECONDS, signal.pthread_kill, (main_thread, signal.SIGINT))
    repeat.daemon = True
    repeat.start()


def _report(message: str) -> int:
    click.echo(f"Error: {redact(message)}", err=True)
    return 1
