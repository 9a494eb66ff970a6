"""Tags of experiments, sweeps and tuned models through the API."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from factories.api import create_experiment, create_sweep, experiment_request, refused, sweep_request, upload
from foreword.v1 import (
    tune_experiment_service_pb2,
    tune_sweep_service_pb2,
    tuned_model_service_pb2,
)

TAGS = {"team": "billing", "cost-center.eu": "7"}


@pytest.fixture(scope="module")
def server(start_server) -> Any:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    name: str = upload(stubs).name
    return name


def update(stubs: Any, name: str, mask: str = "", request_id: str = "", **fields: Any) -> Any:
    return stubs.experiments.UpdateTuneExperiment(
        tune_experiment_service_pb2.UpdateTuneExperimentRequest(
            tune_experiment={"name": name, **fields},
            update_mask={"paths": mask.split(",") if mask else []},
            request_id=request_id,
        )
    )


def test_tags_are_given_at_creation_and_changed_one_by_one_or_all(server, stubs, dataset: str) -> None:
    made = create_experiment(stubs, dataset, tags=TAGS, description="old")
    model = server.tune_by_hand(made.name)

    one = update(stubs, made.name, "tags.team,tags.cost-center.eu", tags={"team": "shop", "stage": "ignored"})
    without_mask = update(stubs, made.name, tags={"stage": "live"})
    emptied = update(stubs, made.name, "tags,description")
    found = stubs.tuned_models.GetTunedModel(tuned_model_service_pb2.GetTunedModelRequest(name=model))

    assert dict(made.tags) == TAGS
    assert (dict(one.tags), one.description) == ({"team": "shop"}, "old")
    assert dict(without_mask.tags) == {"stage": "live"}
    assert (dict(emptied.tags), emptied.description) == ({}, "")
    assert dict(found.tags) == TAGS


def test_a_tuned_model_changes_nothing_but_its_tags(server, stubs, dataset: str) -> None:
    model = server.tune_by_hand(create_experiment(stubs, dataset, tags=TAGS).name)

    def change(mask: str, **fields: Any) -> Any:
        return stubs.tuned_models.UpdateTunedModel(
            tuned_model_service_pb2.UpdateTunedModelRequest(
                tuned_model={"name": model, **fields}, update_mask={"paths": [mask]}
            )
        )

    changed = change("tags.team", tags={"team": "shop"})
    failure = refused(change, "display_name", display_name="x")

    assert dict(changed.tags) == {**TAGS, "team": "shop"}
    assert failure.violations["update_mask.paths[0]"] == "'display_name' cannot be changed; use some of tags, tags.KEY"


def test_every_trial_of_a_sweep_gets_its_tags_and_lists_find_all_of_them(stubs, dataset: str) -> None:
    made = create_sweep(stubs, dataset, tune_experiment={"tags": {"team": "sweepers"}})
    cancel = tune_sweep_service_pb2.CancelTuneSweepRequest(name=made.name)
    stubs.sweeps.CancelTuneSweep(cancel)

    filter = 'tags.team = "sweepers"'
    sweeps = stubs.sweeps.ListTuneSweeps(tune_sweep_service_pb2.ListTuneSweepsRequest(filter=filter)).tune_sweeps
    runs = stubs.experiments.ListTuneExperiments(
        tune_experiment_service_pb2.ListTuneExperimentsRequest(filter=filter)
    ).tune_experiments

    assert [dict(item.tune_experiment.tags) for item in sweeps] == [{"team": "sweepers"}]
    assert {item.name for item in runs} == {trial.tune_experiment for trial in made.trials}


@pytest.mark.parametrize(
    ("tags", "field", "problem"),
    [
        ({f"key{number}": "x" for number in range(21)}, "tags", "at most 20 tags, not 21"),
        ({"two words": "x"}, "tags", "has the key 'two words', but a key has at most 63 letters"),
        ({"-": "x"}, "tags", "begins with none of the last two"),
        ({"k" * 64: "x"}, "tags", "at most 63"),
        ({"team": "x" * 64}, "tags.team", "at most 63 characters, not 64"),
        ({"team": " "}, "tags.team", "must not be empty"),
    ],
)
def test_tags_beyond_their_limits_are_refused_by_name(
    stubs, dataset: str, tags: dict[str, str], field: str, problem: str
) -> None:
    planned = experiment_request(dataset, tags=tags, validate_only=True)
    swept = sweep_request(dataset, tune_experiment={"tags": tags}, validate_only=True)

    of_run = refused(stubs.experiments.CreateTuneExperiment, planned).violations
    of_sweep = refused(stubs.sweeps.CreateTuneSweep, swept).violations
    of_update = refused(lambda _: update(stubs, "tenants/dev/tuneExperiments/x", tags=tags), None).violations

    assert problem in of_run[f"tune_experiment.{field}"]
    assert problem in of_sweep[f"tune_sweep.tune_experiment.{field}"]
    assert problem in of_update[f"tune_experiment.{field}"]


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        ("tags.", "has the key ''"),
        ("tags.two words", "has the key 'two words'"),
        ("verbalizer", "'verbalizer' cannot be changed; use some of description, tags, tags.KEY"),
        ("tag", "'tag' is not a field of an experiment"),
    ],
)
def test_a_mask_that_names_no_changeable_field_is_refused(stubs, mask: str, problem: str) -> None:
    failure = refused(lambda _: update(stubs, "tenants/dev/tuneExperiments/x", mask), None)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert problem in failure.violations["update_mask.paths[0]"]
