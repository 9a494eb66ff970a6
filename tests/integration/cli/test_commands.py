"""The commands against a real server, from upload to rollback."""

import json
import re
import time
from datetime import timedelta

import pytest

from factories.stored import beat, let_workers_die
from foreword.cli.application import run
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.domain.experiment import Phase, Progress
from foreword.domain.failure import Failure
from foreword.domain.tenant import Scope
from foreword.v1 import tune_experiment_service_pb2

ROWS = "".join(
    json.dumps({"input": f"Complaint {number} about {label}", "output": label}) + "\n"
    for number in range(30)
    for label in ("Service", "Warehouse")
)


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


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "complaints.jsonl"
    path.write_text(ROWS)
    return str(path)


def values(result):
    status, out, err = result
    assert status == 0, err
    return json.loads(out)


def test_a_dry_run_shows_the_plan_with_its_sources(command, rows):
    status, out, _ = command("tune", rows, "--num-epochs", "3", "--dry-run")

    assert status == 0
    assert "set by you" in out
    assert "the model's recipe" in out
    assert values(command("experiments", "list", "--json")) == []


def test_held_out_rows_come_from_a_file_or_a_stored_dataset(command, rows, tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"input": f"Q {n}", "output": "Service"}) + "\n" for n in range(4)))

    dry_status, dry_out, _ = command("tune", rows, "--validation", str(path), "--dry-run")
    left = values(command("datasets", "list", "--json"))
    by_file = values(command("tune", rows, "--validation", str(path), "--detach", "--json"))
    by_name = values(command("tune", rows, "--validation", "questions", "--detach", "--json"))
    for experiment in (by_file, by_name):
        assert command("experiments", "cancel", experiment["name"])[0] == 0

    assert dry_status == 0
    assert "60 rows to tune on, 4 held out" in dry_out
    assert re.search(r"validation_split +0 +the validation dataset", dry_out)
    assert left == []
    assert by_file["validation_dataset"] == by_name["validation_dataset"] != ""


def test_the_columns_of_files_can_be_named(command, tmp_path):
    path = tmp_path / "tickets.csv"
    path.write_text("subject,team\n" + "".join(f"Question {n},{'AB'[n % 2]}\n" for n in range(20)))

    status, _, err = command("tune", str(path), "--dry-run")
    named = command("tune", str(path), "--input-column", "subject", "--output-column", "team", "--dry-run")

    assert status == 1
    assert "(--input-column, --output-column)" in " ".join(err.split())
    assert named[0] == 0, named[2]


def test_tasks_of_label_studio_that_have_no_row_are_named_by_runs(command, tmp_path):
    chosen = ({"from_name": "team", "type": "choices", "value": {"choices": ["AB"[n % 2]]}} for n in range(20))
    tasks = [{"data": {"text": f"Question {n}"}, "annotations": [{"result": [it]}]} for n, it in enumerate(chosen)]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([*tasks, {"data": {"text": "Question"}, "annotations": []}]))

    status, _, err = command("tune", str(path), "--dry-run")

    assert status == 0, err
    assert "Warning: 1 task has no annotation, and no row." in err


def test_a_share_beside_a_file_of_held_out_rows_is_refused_by_both_options(command, rows):
    status, _, err = command("tune", rows, "--validation", rows, "--validation-split", "0.2", "--dry-run")

    assert status == 1
    assert "--validation: is set" in err
    assert "Did you mean 'classification'?" in command("tune", rows, "--task", "clasification", "--dry-run")[2]
    assert "Did you mean 'foreword--starter'?" in command("tune", rows, "--base-model", "foreword--startr")[2]
    assert "--validation-split: is 0.2" in err


def test_held_out_rows_that_are_neither_a_file_nor_a_dataset_are_refused(command, rows):
    status, _, err = command("tune", rows, "--validation", "nowhere.jsonl")

    assert status == 2
    assert "there is no file 'nowhere.jsonl', and no stored dataset has that id" in " ".join(err.split())
    assert values(command("datasets", "list", "--json")) == []


def test_parameters_of_the_method_are_set_by_name_and_shown_with_their_source(command, rows):
    status, out, err = command("tune", rows, "--option", "token_dropout=0.25", "--dry-run")
    plan = values(command("tune", rows, "--option", "token_dropout=0.25", "--dry-run", "--json"))["plan"]

    assert status == 0, err
    assert any(line.split()[:2] == ["token_dropout", "0.25"] and "set by you" in line for line in out.splitlines())
    assert plan["parameters"]["method_parameters"]["token_dropout"] == 0.25


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("token_dropout=2", "'token_dropout' must be in [0, 0.9], not 2"),
        (
            "dropout=0.1",
            "The tuning method prompt_tuning has averaging (a float in [0, 0.9999]), token_dropout (a float",
        ),
    ],
)
def test_an_option_that_cannot_be_set_is_refused_before_the_upload(command, rows, option, problem):
    status, _, err = command("tune", rows, "--option", option)

    assert status == 2
    assert problem in " ".join(err.split())
    assert values(command("datasets", "list", "--json")) == []


def test_a_plan_of_another_method_shows_what_it_takes(command, rows):
    status, out, _ = command("tune", rows, "--tuning-type", "ia3", "--dry-run")

    assert status == 0
    assert "26,112 parameters" in out
    assert "num_virtual_tokens" not in out
    assert "init_method" not in out


def test_a_parameter_that_means_nothing_to_the_method_is_refused(command, rows):
    status, _, err = command("tune", rows, "--tuning-type", "ia3", "--num-virtual-tokens", "8")

    assert status == 1
    assert "--num-virtual-tokens: is not used by ia3; leave it unset" in err


def test_every_wrong_parameter_is_listed(command, rows):
    status, _, err = command("tune", rows, "--num-epochs", "0", "--batch-size", "0")

    assert status == 1
    assert "  --num-epochs: must be in [1, 1000], not 0" in err
    assert "  --batch-size: must be in [1, 1024], not 0" in err


def test_a_file_with_faulty_rows_is_reported_and_not_stored(command, tmp_path):
    path = tmp_path / "faulty.jsonl"
    path.write_text(ROWS + '{"input": "", "output": "Service"}\n')

    status, _, err = command("tune", str(path))

    assert status == 1
    assert "row 61, input: The input is empty." in err
    assert err.splitlines()[-1].startswith(f"Error: {path} has faulty rows")


def test_a_run_that_is_only_planned_or_refused_leaves_no_dataset_behind(command, rows):
    assert command("tune", rows, "--dry-run")[0] == 0
    assert command("tune", rows, "--num-epochs", "0")[0] == 1

    assert values(command("datasets", "list", "--json")) == []


def test_a_stored_dataset_stays_when_a_run_on_it_is_only_planned(command, rows):
    experiment = values(command("tune", rows, "--detach", "--name", "complaints", "--json"))
    id = experiment["dataset"].rsplit("/", 1)[-1]
    command("experiments", "cancel", experiment["name"])

    assert command("tune", "--dataset", id, "--dry-run")[0] == 0

    assert id in command("datasets", "list")[1]
    shown = command("datasets", "show", id)[1]
    assert "complaints, version 1" in shown
    assert "60 of 60 rows can be used" in shown
    assert command("datasets", "delete", id)[0] == 0
    assert values(command("datasets", "list", "--json")) == []


def test_a_deployment_in_another_space_is_found_by_its_serving_name(command):
    assert command("spaces", "create", "live", "--name", "Live", "--stage", "development")[0] == 0
    assert "development" in command("spaces", "list")[1]
    status, out, _ = command("deploy", "baseModels/foreword--starter", "--name", "asked", "--space", "live")
    assert status == 0
    assert "Next: foreword generate asked" in out

    assert "/spaces/live/deployments/" in command("deployments", "show", "asked")[1]
    assert command("spaces", "delete", "live")[0] == 1
    assert command("deployments", "update", "asked", "--model", "baseModels/foreword--starter")[0] == 0
    assert "has no ready revision before" in command("deployments", "rollback", "asked")[2]
    assert command("deployments", "delete", "asked")[0] == 0
    assert "List them with `foreword deployments list`" in command("deployments", "show", "asked")[2]
    assert command("spaces", "delete", "live")[0] == 0


def test_names_work_where_ids_do(command, rows, server, tmp_path):
    experiment = values(command("tune", rows, "--detach", "--name", "my complaints", "--json"))
    again = values(command("tune", "--dataset", "my complaints", "--detach", "--name", "my complaints", "--json"))
    model = server.tune_by_hand(experiment["name"])

    assert again["display_name"] == "my complaints (2)"
    assert again["dataset"] == experiment["dataset"]
    assert again["name"].rsplit("/", 1)[-1] in command("experiments", "show", "my complaints (2)")[1]
    assert "my complaints, version 1" in command("datasets", "show", "my complaints")[1]
    assert command("experiments", "cancel", "my complaints (2)")[0] == 0
    assert command("experiments", "watch", "my complaints (2)")[0] == 1
    assert command("experiments", "delete", "my complaints (2)")[0] == 0
    assert values(command("models", "show", "my complaints (1)", "--json"))["name"] == model
    assert command("models", "export", "my complaints (1)", str(tmp_path / "adapter"))[0] == 0
    assert command("spaces", "create", "live", "--name", "Live traffic")[0] == 0
    deployed = command("deploy", "my complaints (1)", "--name", "asked", "--space", "Live traffic", "--json")
    assert values(deployed)["model"] == model
    assert values(command("deployments", "show", "asked", "--json"))["name"].split("/")[3] == "live"
    assert command("deployments", "delete", "asked")[0] == 0
    assert command("spaces", "delete", "Live traffic")[0] == 0
    assert command("models", "delete", "my complaints (1)")[0] == 0
    assert command("datasets", "delete", "my complaints")[0] == 0


def test_a_name_that_looks_like_an_id_is_found_as_well(command, rows):
    experiment = values(command("tune", rows, "--detach", "--name", "complaints", "--json"))
    assert command("experiments", "cancel", "complaints (1)")[0] == 0

    assert values(command("datasets", "show", "complaints", "--json"))["name"] == experiment["dataset"]
    assert command("experiments", "watch", "complain")[2].endswith(
        "No tune experiment is called 'complain' either. List them with `foreword experiments list`. Did you mean "
        "'complaints'?\n"
    )


def test_a_name_that_several_have_is_refused_with_their_ids_and_times(command, rows):
    runs = [values(command("tune", rows, "--detach", "--name", "complaints", "--json")) for _ in range(2)]
    made = [run["dataset"] for run in runs]
    assert [command("experiments", "cancel", run["name"])[0] for run in runs] == [0, 0]

    status, _, err = command("datasets", "show", "complaints")

    assert status == 1
    assert err.startswith("Error: DATASET: 2 datasets are called 'complaints'. Use the id of one of them: ")
    for version, name in enumerate(made, start=1):
        assert f"{name.rsplit('/', 1)[-1]} (version {version}, created 20" in err


def test_a_key_that_may_only_write_tunes_and_follows_its_own_run(command, rows, server, monkeypatch):
    values(command("tune", rows, "--detach", "--name", "of another key", "--json"))
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(command.tenant, [Scope.WRITE]))

    experiment = values(command("tune", rows, "--detach", "--name", "mine", "--json"))
    assert command("experiments", "show", "mine (1)")[0] == 0
    assert [item["name"] for item in values(command("experiments", "list", "--json"))] == [experiment["name"]]
    assert command("experiments", "cancel", "mine (1)")[0] == 0
    assert "does not exist" in command("experiments", "show", "of another key (1)")[2]
    assert command("experiments", "delete", experiment["name"])[0] == 0
    for left in (
        server.stubs(server.new_key(command.tenant))
        .experiments.ListTuneExperiments(tune_experiment_service_pb2.ListTuneExperimentsRequest())
        .tune_experiments
    ):
        assert command("experiments", "cancel", left.name)[0] == 0


def test_a_running_run_shows_how_far_it_is(command, rows, server):
    experiment = values(command("tune", rows, "--detach", "--name", "complaints", "--json"))
    lease = server.queue.lease("by hand", timedelta(seconds=60))
    assert lease is not None
    now = Progress(
        percent=43.2, step=5, epoch=3.2, total_epochs=10, loss=0.5123, remaining_seconds=125, phase=Phase.TUNING
    )
    beat(server.queue, lease, duration=timedelta(seconds=60), progress=now, snapshots=(), compute_seconds=1.0)

    shown = command("experiments", "show", experiment["name"])[1]
    listed = command("experiments", "list")[1]
    assert "progress 43 %, epoch 3.2/10, loss 0.512, 2 min 5 s left" in " ".join(shown.split())
    assert "running, tuning 43 % 3.2/10 0.512 2 min 5 s foreword--starter" in " ".join(listed.split())
    died = let_workers_die(server.database).astimezone()
    waits = command("experiments", "show", experiment["name"])[1]
    assert f"state running, waiting for a worker since {died:%H:%M:%S}" in " ".join(waits.split())
    server.queue.fail(lease, Failure(kind="internal", reason="X", message="Y."), compute_seconds=1)
    assert "progress" not in command("experiments", "show", experiment["name"])[1]


def test_errors_name_the_options_of_the_command(command):
    model = "baseModels/foreword--starter"

    assert "Send the labels to choose from in --labels" in command("classify", model, "a")[2]
    assert "--temperature: must be" in command("generate", model, "a", "--sample", "--temperature", "9")[2]
    assert "--top-n: must be" in command("classify", model, "a", "--labels", "b,c", "--top-n", str(2**40))[2]
    assert "TEXT: is not valid text: character 2" in command("generate", model, "a\udcff")[2]


def test_a_key_that_would_outlast_the_calendar_is_a_wrong_call(command):
    status, _, err = command("keys", "create", "--days", "1e300")

    assert status == 2
    assert "--days" in err


def test_a_run_is_queued_shown_cancelled_and_deleted(command, rows):
    queued = command("tune", rows, "--detach", "--name", "my run", "--json")
    experiment = values(queued)
    id = experiment["name"].rsplit("/", 1)[-1]

    assert experiment["state"] == "queued"
    assert f"foreword experiments watch {id}" in queued[2]
    assert "my run" in command("experiments", "list", "--filter", "state = QUEUED", "--order-by", "create_time desc")[1]
    assert command("experiments", "cancel", id)[1] == f"{id} is cancelled.\n"
    assert "cancelled" in command("experiments", "show", id)[1]
    assert command("experiments", "watch", id)[0] == 1
    assert command("experiments", "delete", id)[0] == 0
    assert command("experiments", "show", id)[2].startswith(f"Error: {experiment['name']} does not exist.")


def test_a_run_that_fails_says_why(command, rows, server):
    experiment = values(command("tune", rows, "--detach", "--json"))
    lease = server.queue.lease("by hand", timedelta(seconds=60))
    assert lease is not None
    server.queue.fail(lease, Failure(kind="internal", reason="OUT_OF_MEMORY", message="Too big."), compute_seconds=1)

    status, out, _ = command("experiments", "watch", experiment["name"])

    assert status == 1
    assert "Too big. (OUT_OF_MEMORY)" in out


def check_rollouts(command, model: str) -> None:
    """Check the commands for canaries and shadows on the deployment `complaints`, which serves a tuned model."""
    base = "baseModels/foreword--starter"
    assert "has had no canary or shadow" in command("deployments", "watch", "complaints")[2]
    update = ("deployments", "update", "complaints", "--model", base)
    assert "--canary: must be in (0, 0.9], not 0.95" in command(*update, "--canary", "95%")[2]
    for share in ("much", "10", "nan"):
        assert f"'{share}' is not a share; write 10% or 0.1" in command(*update, "--canary", share)[2]
    assert "--max-latency-ratio needs --canary" in command(*update, "--shadow", "50%", "--max-latency-ratio", "2")[2]
    assert "--max-duration needs --canary or --shadow" in command(*update, "--max-duration", "7d")[2]
    assert "'1 week' is not a time span; write 7d, 36h or 90m" in command(*update, "--max-duration", "1 week")[2]
    assert "--max-duration: must be in [60," in command(*update, "--canary", "1%", "--max-duration", "5s")[2]

    assert "Revision 3 is on trial." in command("deploy", base, "--name", "complaints", "--canary", "10%")[1]
    shown = command("deployments", "show", "complaints")[1]
    assert "canary 10%, running" in shown
    assert "0 of 500 canary requests, 0 failed; ends by 20" in shown
    outcome = "The canary of revision 3 was promoted. Promoted on request. complaints serves revision 3."
    promoted = command("deployments", "promote", "complaints")[1]
    assert "foreword--starter, revision 3." in promoted
    assert outcome in " ".join(promoted.split())
    assert command("deployments", "watch", "complaints")[:2] == (0, f"{outcome}\n")

    shadow = ("--shadow", "0.5", "--max-duration", "36h")
    assert "on trial" in command("deployments", "update", "complaints", "--model", model, *shadow)[1]
    shown = command("deployments", "show", "complaints")[1]
    assert "0 answers compared" in shown
    assert re.search(r"ends by \d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)
    rolled_back = " ".join(command("deployments", "rollback", "complaints")[1].split())
    outcome = "The shadow of revision 4 was rolled back. Rolled back on request. complaints serves revision 3."
    assert "revision 3." in rolled_back
    assert outcome in rolled_back
    assert command("deployments", "watch", "complaints")[:2] == (1, f"{outcome}\n")


def test_a_tuned_model_is_exported_deployed_asked_and_rolled_back(command, rows, server, tmp_path):
    experiment = values(command("tune", rows, "--detach", "--json"))
    calibration = AnswerCalibration(
        temperature=1.5, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=38,
        expected_calibration_error_before=0.25, expected_calibration_error_after=0.0625,
        expected_calibration_error_by_chance=0.12, p_value=0.001,
        thresholds=(
            PrecisionThreshold(
                precision=0.9, probability=0.75, row_count=12, right_count=11, estimated_precision=0.91,
                precision_lower_bound=0.77,
            ),
        ),
    )  # fmt: skip
    model = server.tune_by_hand(experiment["name"], calibration=calibration)
    id = model.rsplit("/", 1)[-1]

    assert id in command("models", "list")[1]
    assert "8 vectors" in (shown := " ".join(command("models", "show", id)[1].split()))
    assert "temperature 1.50; on 40 held-out rows the expected calibration error is 0.06 with it and 0.25" in shown
    assert "0.9 from a probability of 0.75 on (estimated; 11 of 12 held-out answers right" in shown
    assert "adapter_model.safetensors" in command("models", "export", id, str(tmp_path / "adapter"))[1]
    status, out, _ = command("deploy", id, "--name", "complaints")
    assert status == 0
    assert f"complaints is ready: {id}, revision 1." in out.splitlines()  # after what the server may have logged
    assert "Next: foreword classify complaints" in out
    assert command("deploy", id, "--name", "complaints")[0] == 1
    assert "Did you mean 'complaints'?" in command("classify", "complants", "Nobody answers")[2]
    assert "Did you mean 'complaints'?" in command("deployments", "show", "complants")[2]

    status, out, err = command("generate", "complaints", "Nobody answers")
    assert (status, out) in [(0, "Service\n"), (0, "Warehouse\n")]
    assert "after 8 soft-prompt vectors" in err
    assert command("generate", "complaints", "Nobody answers", "--stream")[1] == out
    assert command("classify", "complaints", "Nobody answers")[1].splitlines()[0] == out.strip()
    assert values(command("classify", "complaints", "Nobody answers", "--json"))["labels"] == [out.strip()]
    assert command("classify", "complaints", "Nobody answers", "--threshold", "1")[1].startswith(
        "(abstained: the likeliest answer needs a probability of 1.000)"
    )
    counted = command("tokenize", "complaints", "Nobody", "--instruction", "Do it", "--tokens")[1].splitlines()
    assert len(json.loads(counted[1])) == int(counted[0])

    assert values(command("deployments", "update", "complaints", "--model", "baseModels/foreword--starter", "--json"))
    assert "revision 1." in command("deployments", "rollback", "complaints", "--revision", "1")[1]
    assert "serving" in command("deployments", "show", "complaints")[1]
    check_rollouts(command, id)
    assert command("deployments", "delete", "complaints")[0] == 0
    assert values(command("deployments", "list", "--json")) == []
    assert command("models", "delete", id)[0] == 0
