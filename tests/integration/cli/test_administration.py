"""Commands for keys, tenants and the catalogue, and options that follow the API."""

import io
import json
import re
import time
from datetime import datetime, timedelta

import pytest

from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.job import JobState
from foreword.domain.tenant import Scope


@pytest.fixture
def command(server, monkeypatch, capsys):
    """Runs a command as a new tenant and returns status, standard output and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    tenant = f"cli-{time.time_ns()}"
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(tenant, tuple(Scope)))

    def call(*arguments):
        status = run(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    call.tenant = tenant
    return call


def values(result):
    status, out, err = result
    assert status == 0, err
    return json.loads(out)


def test_keys_are_made_listed_and_revoked(command):
    status, secret, err = command("keys", "create", "--name", "bot", "--scope", "infer", "--days", "1")
    assert status == 0
    id = secret.split("_")[1]

    assert secret.startswith("fw_")
    assert "is not stored" in err
    assert id in command("keys", "list")[1]
    assert secret.strip() not in command("keys", "list", "--json")[1]
    assert command("keys", "delete", id)[0] == 0
    assert id not in command("keys", "list")[1]


def test_tenants_are_made_and_listed(command):
    id = f"t{time.time_ns()}"

    assert command("tenants", "create", id, "--name", "A shop")[1] == f"tenants/{id}\n"
    assert id in command("tenants", "list")[1]


def test_a_tenant_is_changed_suspended_and_resumed(command):
    id = f"t{time.time_ns()}"
    command("tenants", "create", id)

    renamed = command("tenants", "update", id, "--name", "A shop")[1]
    suspended = command("tenants", "suspend", id, "--reason", "It floods the service.")[1]
    listed = command("tenants", "list", "--filter", "state = SUSPENDED")[1]
    resumed = command("tenants", "resume", id)[1]

    assert "A shop" in renamed
    assert re.search(r"state +suspended", suspended)
    assert re.search(r"reason +It floods the service.", suspended)
    assert id in listed
    assert re.search(r"state +active", resumed)
    assert "suspended" not in resumed


def test_a_tenant_is_deleted_after_a_question_and_restored(command, monkeypatch):
    id = f"t{time.time_ns()}"
    command("tenants", "create", id, "--name", "A shop")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    refused = command("tenants", "delete", id)
    kept = values(command("tenants", "show", id, "--json"))
    deleted = values(command("tenants", "delete", id, "--yes", "--grace", "36h", "--json"))
    restored = values(command("tenants", "undelete", id, "--json"))

    assert refused[0] == 130
    assert f"Delete tenants/{id} (A shop) with everything that it owns?" in refused[2]
    assert [item["state"] for item in (kept, deleted, restored)] == ["active", "deleting", "active"]
    left = datetime.fromisoformat(deleted["purge_time"]) - datetime.fromisoformat(deleted["delete_time"])
    assert left == timedelta(hours=36)


def test_a_child_key_is_created_and_named_by_whoami(command, monkeypatch):
    parent = values(command("whoami", "--json"))["api_key"]
    key = values(command("keys", "create", "--child", "--scope", "infer", "--name", "page", "--json"))
    monkeypatch.setenv("FOREWORD_API_KEY", key["secret"])

    identity = command("whoami")[1]

    assert re.search(rf"key +{key['name']} \(page\)", identity)
    assert re.search(r"scopes +infer *\n", identity)
    assert re.search(r"expires +\d{4}-", identity)
    assert re.search(rf"parent +{parent}", identity)
    assert command("keys", "create", "--child", "--tenant", "x")[0] == 2


def test_whoami_shows_key_scopes_and_tenant(command):
    shown = command("whoami")[1]

    assert "admin, write, read, infer, tenant_admin" in shown
    assert re.search(rf"tenant +tenants/{command.tenant} \({command.tenant}\), active", shown)
    assert re.search(r"expires +never", shown)


def test_experiment_states_are_those_of_the_domain(command):
    status, _, problem = command("experiments", "list", "--filter", "state = nonsense")
    assert status == 1
    assert problem.startswith("Error: --filter: needs one of QUEUED, RUNNING")
    assert all(command("experiments", "list", "--filter", f"state = {state.name}")[0] == 0 for state in JobState)


def test_every_generation_parameter_has_an_option(command):
    model = "baseModels/foreword--starter"
    options = ("--max-new-tokens", "4", "--repetition-penalty", "1.5", "--decay-factor", "1.2", "--start-index", "1")
    command("generate", model, "a")  # the server of the tests logs to the same standard output that it loads the model

    answer = values(command("generate", model, "{{who}} waits.", "--variable", "who", "Ann", "--input-text",
                          "--generated-tokens", "--top-n-tokens", "2", *options, "--json"))  # fmt: skip
    status, out, err = command("generate", model, "a", "--generated-tokens", "--token-ranks", *options)

    assert answer["input_text"] == "Ann waits."
    assert len(answer["generated_tokens"][0]["top_tokens"]) == 2
    assert status == 0
    assert "generated token" in out
    assert "rank" in out
    assert "input + " in err
    assert "--decay-factor: must be in (1, 10], not 1" in command("generate", model, "a", "--decay-factor", "1")[2]
    assert "--variable: has no value for b" in command("generate", model, "{{a}} {{b}}", "--variable", "a", "x")[2]


def test_the_catalogue_lists_what_tune_takes(command):
    models = command("catalog", "base-models")[1]
    tasks = command("catalog", "tasks")[1]
    methods = command("catalog", "methods")[1]
    parameters = command("catalog", "parameters")[1]

    assert models.startswith("foreword--starter\n")
    assert "512 tokens" in models
    assert re.search(r"tuning types +(prompt_tuning, ia3|ia3, prompt_tuning)", models)
    assert all(task in tasks for task in ("classification", "generation", "summarization"))
    assert "labels from a closed set" in tasks
    assert all(method in methods for method in ("prompt_tuning", "ia3"))
    assert "num_virtual_tokens" in methods  # IA3 does not take it
    assert all(name in parameters for name in ("learning_rate", "max_new_tokens"))
    assert re.search(r"num_epochs +an int in \[1, 1000\] +20 ", parameters)
    assert re.search(r"keep_best +true or false +true ", parameters)


def test_the_catalogue_is_json_for_programs_and_complete(command, server):
    with Client(server.endpoint, "dev") as client:
        for listed, found in (
            (values(command("catalog", "base-models", "--json")), client.list_base_models()),
            (values(command("catalog", "tasks", "--json")), client.list_tasks()),
            (values(command("catalog", "methods", "--json")), client.list_tuning_methods()),
        ):
            assert [item["display_name"] for item in listed] == [item.display_name for item in found]
        assert len(values(command("catalog", "parameters", "--json"))["tune_parameters"]) > 10
