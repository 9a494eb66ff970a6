import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import EntryPoint

import click
import pytest

from factories.processor_time import STANDARD_LIBRARY, processor_seconds
from foreword.cli.application import COMMANDS, run
from foreword.installation import install_command


def test_help_is_fast_and_loads_no_command():
    script = (
        "import sys\n"
        "from foreword.cli.application import run\n"
        "run(['--help'])\n"
        "print(*{'torch', 'grpc', 'sqlalchemy', 'pydantic', 'rich'} & set(sys.modules), file=sys.stderr)"
    )

    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert all(name in shown.stdout for name in COMMANDS)
    assert shown.stderr.split() == []
    help_seconds = processor_seconds("from foreword.cli.application import run; run(['--help'])")
    assert help_seconds < 5 * processor_seconds(STANDARD_LIBRARY)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_it_is_said_to_be_and_helps(name):
    module, attribute = COMMANDS[name][0].split(":")

    command = getattr(import_module(module), attribute)

    assert isinstance(command, click.Command)
    commands = command.commands.values() if isinstance(command, click.Group) else [command]
    assert all((item.help and item.help.endswith(".")) or "\n" in (item.help or "") for item in commands)


def test_a_wrong_call_exits_with_2_and_shows_the_usage(capsys):
    assert run(["deploy", "model"]) == 2
    assert "Missing option '--name'" in capsys.readouterr().err
    assert run(["nonsense"]) == 2
    assert "No such command 'nonsense'" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_one_line_with_the_remedy(capsys):
    assert run(["whoami", "--endpoint", "127.0.0.1:1", "--api-key", "k"]) == 1

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("Error: No service answers at 127.0.0.1:1")
    assert "foreword serve" in shown.err


def test_a_wrong_setting_is_named_by_its_variable(capsys, monkeypatch):
    monkeypatch.setenv("FOREWORD_PORT", "many")

    assert run(["plugins"]) == 1

    assert capsys.readouterr().err.startswith("Error: FOREWORD_PORT: ")


def test_several_faults_are_listed(capsys, monkeypatch):
    monkeypatch.setenv("FOREWORD_PORT", "many")
    monkeypatch.setenv("FOREWORD_LOG_LEVEL", "loud")

    assert run(["plugins"]) == 1

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Error: 2 values are wrong:"
    assert {line.split(":")[0].strip() for line in lines[1:]} == {"FOREWORD_PORT", "FOREWORD_LOG_LEVEL"}


@pytest.mark.parametrize(
    ("issuers", "fault"),
    [
        ('[{"name": "corp",', "FOREWORD_OIDC_ISSUERS: must be valid JSON: Expecting property name"),
        (
            '[{"name": "corp", "issuer": "https://a.example", "audience": "x", "tenant": "acme", "typo": 1}]',
            "FOREWORD_OIDC_ISSUERS[0].typo: ",
        ),
    ],
)
def test_a_fault_inside_a_setting_is_named_with_its_place(capsys, monkeypatch, issuers: str, fault: str):
    monkeypatch.setenv("FOREWORD_OIDC_ISSUERS", issuers)

    assert run(["plugins"]) == 1

    assert capsys.readouterr().err.startswith(f"Error: {fault}")


def test_a_missing_package_is_named_with_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "foreword.cli.settings", None)
    for name in [name for name in sys.modules if name.startswith("foreword.cli.plugins")]:
        monkeypatch.delitem(sys.modules, name)

    assert run(["plugins"]) == 1

    assert f"Install it with: {install_command('server')}\n" in capsys.readouterr().err


def test_a_command_of_another_package_names_its_own_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "foreword_slack.console", None)

    assert run(["slack", "check"]) == 1

    assert f"Install it with: {install_command('slack')}\n" in capsys.readouterr().err


def test_an_unexpected_fault_is_a_line_too(capsys, monkeypatch):
    monkeypatch.setattr("foreword.samples.sample_path", lambda name: 1 / 0)

    assert run(["data", "sample"]) == 1

    assert capsys.readouterr().err.startswith("Error: Internal error: ZeroDivisionError")


def test_plugins_are_listed_with_what_they_provide(capsys):
    assert run(["plugins"]) == 0
    assert "task:classification" in capsys.readouterr().out


def test_plugins_that_are_missing_fail_the_command_and_say_why(capsys, monkeypatch):
    monkeypatch.setenv("FOREWORD_PLUGINS", "foreword:tasks, gone")

    assert run(["plugins", "--json"]) == 1

    statuses = {item["id"]: item for item in json.loads(capsys.readouterr().out)}
    assert statuses["tasks"]["state"] == "loaded"
    assert statuses["starter"]["state"] == "blocked"
    assert "add foreword:starter" in statuses["starter"]["error"]
    assert "no installed package" in statuses["gone"]["error"]


def test_commands_of_other_packages_are_listed_with_their_help_and_run(capsys):
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out

    assert run(["slack", "--help"]) == 0

    assert "slack        Route complaints" in listed
    assert "Usage: foreword slack" in capsys.readouterr().out


def test_a_demo_that_no_package_brings_is_named_before_anything_is_started(capsys, monkeypatch):
    monkeypatch.setattr("foreword.cli.demo.command.installed_entry_points", lambda _: [])

    assert run(["demo", "--slack"]) == 1

    assert "No installed package has the demo 'slack'" in capsys.readouterr().err


def test_a_demo_whose_packages_are_missing_names_the_extra_to_install(capsys, monkeypatch):
    entry = EntryPoint(name="slack", value="package_that_is_not_there:walk", group="foreword.demos")
    monkeypatch.setattr("foreword.cli.demo.command.installed_entry_points", lambda _: [entry])

    assert run(["demo", "--slack"]) == 1

    assert f"Install it with: {install_command('server', 'slack')}\n" in capsys.readouterr().err


def test_a_command_that_is_misspelt_is_suggested(capsys):
    assert run(["tun"]) == 2
    assert "No such command 'tun'. Did you mean 'tune'?" in capsys.readouterr().err

    assert run(["xyzzy"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


def test_a_misspelt_setting_is_named_with_the_right_spelling(tmp_path, capsys, monkeypatch):
    for name in ("FOREWORD_ARTIFACT_URL", "FOREWORD_API_KEY_ACME", "FOREWORD_METER_FILE", "FOREWORD_ARTIFACTS_URL"):
        monkeypatch.setenv(name, str(tmp_path / "artifacts"))

    assert run(["init", "--home", str(tmp_path / "home")]) == 0

    warnings = [line for line in capsys.readouterr().err.splitlines() if "not a setting" in line]
    assert warnings == [
        "Warning: FOREWORD_ARTIFACT_URL is not a setting and has no effect; did you mean FOREWORD_ARTIFACTS_URL?"
    ]
