"""Runs of a real server in MLflow and TensorBoard, read back with their own libraries."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.api import make_file
from factories.clients import DrivenAsyncClient
from factories.servers import RunningServer
from factories.stored import beat, make_evaluation, make_snapshot, make_tuned_model
from foreword.cli.application import run
from foreword.client import Client, EvaluatedSystem, TuneExperiment
from foreword.domain.experiment import Phase, Progress
from foreword.domain.failure import Failure
from foreword.domain.tenant import Scope
from foreword.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from foreword.storage.jobs.leases import Lease

MINUTE = timedelta(minutes=1)


@pytest.fixture
def key(server: RunningServer) -> str:
    return server.new_key(f"export-{time.time_ns()}", tuple(Scope))


@pytest.fixture
def client(server: RunningServer, key: str) -> Iterator[Client]:
    with Client(server.endpoint, key) as connected:
        yield connected


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store of MLflow, in a folder; its databases take seconds to be created."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlruns").as_uri()


def begin(server: RunningServer, client: Client, **fields: Any) -> tuple[TuneExperiment, Lease]:
    """Queue a run, and lease it as a worker."""
    made = client.tune(make_file(), **{"display_name": "complaints", **fields})
    lease = server.queue.lease("by hand", MINUTE)
    assert lease is not None
    assert made.name.endswith(lease.experiment.id)
    return made, lease


def advance(server: RunningServer, lease: Lease, *steps: int, phase: Phase = Phase.TUNING) -> None:
    """Add points to a learning curve; a point at an even step ends an epoch."""
    points = [
        dataclasses.replace(
            make_snapshot(step, loss=1 / step),
            validation_loss=0.5 / step if step % 2 == 0 else None,
            validation_metric=0.25 if step % 2 == 0 else None,
            phase=phase,
            create_time=make_snapshot(step).create_time + timedelta(seconds=step),
        )
        for step in steps
    ]
    beat(server.queue, lease, duration=MINUTE, snapshots=points, progress=Progress(step=max(steps)))


def succeed(server: RunningServer, lease: Lease, **fields: Any) -> None:
    evaluations = (make_evaluation(), dataclasses.replace(make_evaluation("base_zero_shot"), mean_tokens=68.0))
    model = dataclasses.replace(make_tuned_model(lease.experiment, f"m{time.time_ns()}"), **fields)
    server.queue.succeed(
        lease, tuned_model=model, evaluations=evaluations, curve_advice="It levelled off.", compute_seconds=3600.0
    )


def tracker(store: str) -> Any:
    """Return MLflow's own client. Its import takes seconds, which is why no other test pays for it."""
    from mlflow.tracking import MlflowClient

    return MlflowClient(store)


def events_of(folder: str | Path) -> Any:
    """Return what TensorBoard reads from a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def only_run(store: str, experiment: str = "foreword") -> Any:
    """Return the only run of an experiment of MLflow."""
    found_experiment = tracker(store).get_experiment_by_name(experiment)
    (found,) = tracker(store).search_runs([found_experiment.experiment_id])
    return found


def history(store: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in tracker(store).get_metric_history(run_id, metric)]


def test_mlflow_has_parameters_tags_curves_results_hashes_and_the_recipe(
    server: RunningServer, client: Client, store: str, tmp_path: Path
) -> None:
    made, lease = begin(server, client, num_epochs=3, tags={"team": "billing"}, description="For the report.")
    advance(server, lease, 1, 2)
    advance(server, lease, 3, phase=Phase.REFITTING)
    succeed(server, lease)
    sha256 = client.get_dataset(made.dataset).content_sha256

    (exported,) = client.export_to_mlflow([made], tracking_uri=store)

    found = only_run(store)
    id, data = found.info.run_id, found.data
    assert (exported.target, exported.is_new, exported.display_name) == (id, True, "complaints (1)")
    assert (found.info.run_name, found.info.status) == ("complaints (1)", "FINISHED")
    assert found.info.end_time == round(client.get_tune_experiment(made).end_time.timestamp() * 1000)
    assert (data.params["num_epochs"], data.params["base_model"]) == ("3", "baseModels/foreword--starter")
    assert data.params["training_row_count"] == str(made.plan.training_row_count)
    assert (data.tags["team"], data.tags["foreword.state"]) == ("billing", "succeeded")
    assert data.tags["foreword.training_dataset_sha256"] == sha256
    assert data.tags["mlflow.note.content"] == "For the report.\n\nIt levelled off."
    assert history(store, id, "train/loss") == [(1, 1.0), (2, 0.5)]
    assert history(store, id, "refit/loss") == [(3, pytest.approx(1 / 3))]
    assert history(store, id, "validation/loss") == [(2, 0.25)]
    assert history(store, id, "validation/metric") == [(2, 0.25)]
    assert history(store, id, "train/learning_rate") == [(1, 0.3), (2, 0.3)]
    assert history(store, id, "train/epoch") == [(1, 0.1), (2, 0.2)]
    assert history(store, id, "tuned/exact_match") == [(3, 0.75)]
    assert history(store, id, "base_zero_shot/mean_tokens") == [(3, 68.0)]
    assert history(store, id, "capacity_unit_hours") == [(3, 1.0)]
    assert "tuned/perplexity" not in data.metrics, "it is infinite"
    (dataset,) = found.inputs.dataset_inputs
    assert dataset.dataset.digest == sha256[:36]
    assert json.loads(dataset.dataset.source) == {"name": made.dataset, "sha256": sha256}
    artifact = tracker(store).download_artifacts(id, "foreword/tune_experiment.json", str(tmp_path))
    recipe = json.loads(Path(artifact).read_text())
    assert recipe["plan"]["sources"]["num_epochs"] == "set"
    assert recipe["parameters"] == {"num_epochs": 3}
    assert recipe["results"]["tuned/perplexity"] == "inf"


def test_a_run_that_is_exported_again_stays_one_run_in_mlflow_and_gets_what_is_new(
    server: RunningServer, client: Client, store: str
) -> None:
    made, lease = begin(server, client, tags={"team": "billing", "draft": "yes"})
    advance(server, lease, 1, 2)

    first = client.export_to_mlflow([made], tracking_uri=store)
    while_running = only_run(store)
    advance(server, lease, 3)
    succeed(server, lease)
    client.update_tune_experiment(made, tags={"draft": None, "stage": "live"})
    again = [client.export_to_mlflow([made], tracking_uri=store) for _ in range(2)]

    found = only_run(store)
    assert while_running.info.status == "RUNNING"
    assert "capacity_unit_hours" not in while_running.data.metrics
    assert [item.target for (item,) in (first, *again)] == [found.info.run_id] * 3
    assert [item.is_new for (item,) in (first, *again)] == [True, False, False]
    assert found.info.status == "FINISHED"
    assert history(store, found.info.run_id, "train/loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert len(history(store, found.info.run_id, "tuned/exact_match")) == 1
    assert (found.data.tags["team"], found.data.tags["stage"]) == ("billing", "live")
    assert "draft" not in found.data.tags


def test_a_run_that_went_back_to_its_checkpoint_leaves_no_point_of_the_lost_updates_in_mlflow(
    server: RunningServer, client: Client, store: str
) -> None:
    made, lease = begin(server, client)
    advance(server, lease, 1, 2, 3)
    (before,) = client.export_to_mlflow([made], tracking_uri=store)
    server.queue.rewind(lease, 1, resumed_step=1)
    server.queue.fail(lease, Failure(kind="internal", reason="INTERNAL", message="It broke."), 1.0)

    (after,) = client.export_to_mlflow([made], tracking_uri=store)

    found = only_run(store)
    assert found.info.run_id == after.target != before.target
    assert history(store, after.target, "train/loss") == [(1, 1.0)]
    assert (found.info.status, found.data.tags["foreword.failure"]) == ("FAILED", "It broke. (INTERNAL)")


def test_hashes_outlive_the_dataset_and_the_model(server: RunningServer, client: Client, store: str) -> None:
    made, lease = begin(server, client)
    succeed(server, lease, provenance={"base_model": "r1", "dataset": "ab" * 32})
    client.delete_dataset(made.dataset)

    client.export_to_mlflow([made], tracking_uri=store)
    client.delete_tuned_model(client.get_tune_experiment(made).tuned_model)
    client.export_to_mlflow([made], tracking_uri=store)

    found = only_run(store)
    assert found.data.tags["foreword.training_dataset_sha256"] == "ab" * 32
    assert found.data.tags["foreword.base_model_revision"] == "r1"
    assert [item.dataset.digest for item in found.inputs.dataset_inputs] == ["ab" * 18]
    with pytest.raises(NotFoundError):
        client.export_to_mlflow(["unknown"], tracking_uri=store)


def test_an_evaluation_is_one_run_of_mlflow_with_intervals_and_differences(
    server: RunningServer, client: Client, key: str, store: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    plain = EvaluatedSystem(model="baseModels/foreword--starter", id="plain")
    asked = EvaluatedSystem(model=plain.model, id="asked", constrained=True, instruction="Choose.")
    made = client.evaluate(make_file(), [plain, asked], display_name="compared", wait=False)
    (queued,) = client.export_evaluations_to_mlflow([made], tracking_uri=store)
    before = only_run(store)
    server.evaluate(made.name)
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)

    capsys.readouterr()  # the worker has logged

    assert run(["evaluations", "export", "compared (1)", "--tracking-uri", store, "--json"]) == 0

    (again,) = json.loads(capsys.readouterr().out)
    ended, found = client.get_evaluation(made), only_run(store)
    sha256 = client.get_dataset(made.dataset).content_sha256
    metrics = found.data.metrics
    assert (queued.is_new, queued.evaluation, queued.tune_experiment) == (True, made.name, "")
    assert (before.info.status, before.data.metrics) == ("SCHEDULED", {})
    assert (again["target"], again["is_new"]) == (queued.target, False)
    assert (found.info.run_name, found.info.status) == ("compared (1)", "FINISHED")
    assert (found.data.params["systems"], found.data.params["asked/instruction"]) == ("plain, asked", "Choose.")
    assert found.data.params["asked/constrained"] == "True"
    for result in ended.results:
        value, interval = result.metrics[result.main_metric], result.intervals[result.main_metric]
        assert metrics[f"{result.system}/{result.main_metric}"] == value
        assert metrics[f"{result.system}/{result.main_metric}_lower"] == interval.lower
        assert metrics[f"{result.system}/row_count"] == 30
    assert {name for name in metrics if name.endswith("_difference")} == {
        f"asked/{item.metric}_difference" for item in ended.differences
    }
    assert [(item.dataset.digest, item.tags[0].value) for item in found.inputs.dataset_inputs] == [
        (sha256[:36], "evaluation")
    ]
    artifact = tracker(store).download_artifacts(queued.target, "foreword/evaluation.json", str(tmp_path))
    assert [item["id"] for item in json.loads(Path(artifact).read_text())["systems"]] == ["plain", "asked"]
    assert run(["evaluations", "export", "--tracking-uri", store]) == 2


@pytest.mark.soak  # MLflow takes seconds to create a database
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_database_of_mlflow_stores_a_run_once_too(
    server: RunningServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # beside the database, MLflow makes a folder for artifacts
    store = f"sqlite:///{tmp_path}/mlflow.db"
    made, lease = begin(server, client, tags={"team": "billing"})
    advance(server, lease, 1, 2)
    client.export_to_mlflow([made], tracking_uri=store)
    succeed(server, lease)

    exported = [client.export_to_mlflow([made], tracking_uri=store)[0].target for _ in range(2)]

    found = only_run(store)
    assert exported == [found.info.run_id] * 2
    assert history(store, found.info.run_id, "train/loss") == [(1, 1.0), (2, 0.5)]
    assert (found.info.status, found.data.tags["team"]) == ("FINISHED", "billing")
    assert [item.path for item in tracker(store).list_artifacts(found.info.run_id)] == ["foreword"]


def test_an_address_at_which_mlflow_cannot_store_is_reported_with_its_reason(
    server: RunningServer, client: Client, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = client.tune(make_file(), display_name="refused")
    client.cancel_tune_experiment(made)
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")

    with pytest.raises(FailedPreconditionError, match="maintenance mode") as caught:
        client.export_to_mlflow([made], tracking_uri=store)

    assert caught.value.reason == "MLFLOW_REFUSED"


def scalars(folder: str | Path, tag: str) -> list[tuple[int, float]]:
    return [(item.step, round(item.value, 4)) for item in events_of(folder).Scalars(tag)]


def hyperparameters(folder: str | Path) -> Any:
    from tensorboard.plugins.hparams import plugin_data_pb2

    content = events_of(folder).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    return plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams


def test_tensorboard_has_hyperparameters_curves_results_and_the_recipe(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    made, lease = begin(server, client, num_epochs=3, tags={"team": "billing"})
    advance(server, lease, 1, 2)
    succeed(server, lease)

    (exported,) = client.export_to_tensorboard([made], tmp_path / "logs")

    folder = Path(exported.target)
    assert folder == tmp_path / "logs" / f"complaints-1-{made.name.rsplit('/', 1)[1]}"
    assert scalars(folder, "train/loss") == [(1, 1.0), (2, 0.5)]
    assert scalars(folder, "validation/metric") == [(2, 0.25)]
    assert scalars(folder, "tuned/exact_match") == [(2, 0.75)]
    assert hyperparameters(folder)["num_epochs"].number_value == 3
    assert hyperparameters(folder)["task"].string_value == "classification"
    (recipe,) = events_of(folder).Tensors("foreword/recipe")
    assert '"num_epochs": 3' in recipe.tensor_proto.string_val[0].decode()
    assert json.loads((folder / "foreword.json").read_text())["tags"] == {"team": "billing"}


def test_a_run_that_is_exported_again_is_replaced_also_for_a_tensorboard_that_is_open(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    made, lease = begin(server, client)
    advance(server, lease, 1, 2)
    (first,) = client.export_to_tensorboard([made], tmp_path)
    opened = events_of(first.target)

    server.queue.rewind(lease, 1, resumed_step=1)
    advance(server, lease, 4)
    second = client.export_to_tensorboard([made], tmp_path)
    opened.Reload()
    advance(server, lease, 5)
    third = client.export_to_tensorboard([made, made], tmp_path)

    assert [item.step for item in opened.Scalars("train/loss")] == [1, 4]
    assert [step for step, _ in scalars(first.target, "train/loss")] == [1, 4, 5]
    assert {item.target for item in (first, *second, *third)} == {first.target}
    assert [item.is_new for item in (first, *second, *third)] == [True, False, False, False]
    assert len(list(tmp_path.iterdir())) == 1
    assert len(list(Path(first.target).glob("*tfevents*"))) == 2
    server.queue.fail(lease, Failure(kind="internal", reason="INTERNAL", message="It broke."), 1.0)


def test_a_folder_that_cannot_be_written_or_holds_another_run_is_refused(
    server: RunningServer, client: Client, tmp_path: Path
) -> None:
    made = client.tune(make_file(), display_name="nightly")
    client.cancel_tune_experiment(made)
    (exported,) = client.export_to_tensorboard([made], tmp_path)
    record = Path(exported.target) / "foreword.json"
    record.write_text(record.read_text().replace("export-", "other-"))
    (tmp_path / "file").write_text("")

    with pytest.raises(FailedPreconditionError, match="holds another run") as caught:
        client.export_to_tensorboard([made], tmp_path)
    with pytest.raises(InvalidArgumentError, match="logdir: cannot be written to"):
        client.export_to_tensorboard([made], tmp_path / "file")

    assert caught.value.reason == "FOLDER_IN_USE"


@pytest.mark.parametrize("package", ["mlflow", "tensorboard"])
def test_without_the_extra_the_remedy_is_named(
    server: RunningServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    export = client.export_to_mlflow if package == "mlflow" else client.export_to_tensorboard

    with pytest.raises(FailedPreconditionError, match=rf"pip install .*\[{package}\]'"):
        export([], **({} if package == "mlflow" else {"logdir": tmp_path}))


def test_the_asynchronous_client_exports_too(server: RunningServer, client: Client, key: str, tmp_path: Path) -> None:
    made = client.tune(make_file(), display_name="asynchronous")
    client.cancel_tune_experiment(made)

    with DrivenAsyncClient(server.endpoint, key) as driven:
        (exported,) = driven.export_to_tensorboard([made], tmp_path)

    assert math.isfinite(hyperparameters(exported.target)["learning_rate"].number_value)


def test_the_command_exports_what_it_is_named_or_what_a_filter_finds(
    server: RunningServer, client: Client, key: str, store: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.setenv(name, "1")
    for team in ("billing", "shop"):
        client.cancel_tune_experiment(client.tune(make_file(), display_name=team, tags={"team": team}))

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(("experiments", "export", *arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    by_filter = call("--filter", "tags.team = billing", "--to", "mlflow", "--tracking-uri", store)
    by_name = call("billing (1)", "shop (1)", "--to", "mlflow", "--tracking-uri", store, "--json")
    in_folder = call("shop (1)", "--to", "tensorboard", "--logdir", str(tmp_path / "logs"))
    problems = {
        ("--to", "mlflow", "--tracking-uri", store): "Pass either the names of runs or --filter.",
        ("shop (1)", "--to", "mlflow"): "--to mlflow needs --tracking-uri, or MLFLOW_TRACKING_URI.",
        ("shop (1)", "--to", "tensorboard"): "--to tensorboard needs --logdir.",
    }

    assert (by_filter[0], by_name[0], in_folder[0]) == (0, 0, 0)
    assert "billing (1) (" in by_filter[1]
    assert ") exported as " in by_filter[1]
    assert [(item["display_name"], item["is_new"]) for item in json.loads(by_name[1])] == [
        ("billing (1)", False),
        ("shop (1)", True),
    ]
    assert str(tmp_path / "logs" / "shop-1-") in in_folder[1]
    assert "No run meets the condition." in call("--filter", "task = x", "--to", "tensorboard", "--logdir", "x")[1]
    for arguments, problem in problems.items():
        status, _, err = call(*arguments)
        assert (status, problem in err) == (2, True), err
