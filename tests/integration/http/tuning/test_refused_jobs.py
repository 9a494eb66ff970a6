"""Fine-tuning jobs that cannot be honoured are refused by name."""

from __future__ import annotations

import json
import re

import openai
import pytest

from factories.http import RunningHttp
from foreword.client import Client

BASE = "baseModels/foreword--starter"


WRONG_JOBS = {
    "suffix": "a:b",
    "seed": -1,
    "integrations": [{"type": "wandb", "wandb": {"project": "x"}}],
    "hyperparameters.n_epochs": {"hyperparameters": {"n_epochs": 0}},
    "hyperparameters.batch_size": {"hyperparameters": {"batch_size": "8"}},
    "hyperparameters.learning_rate_multiplier": {"hyperparameters": {"learning_rate_multiplier": 0}},
    "hyperparameters.beta": {"hyperparameters": {"beta": 1}},
    "method.type": {"method": {"type": "dpo"}},
    "method.supervised.hyperparameters.n_epochs": {"method": {"supervised": {"hyperparameters": {"n_epochs": 1.5}}}},
    "metadata": {"metadata": {"openai.suffix": "x"}},
    "metadata.team": {"metadata": {"team": 7}},
    "training_file": {"training_file": "file-nothing"},
    "validation_file": {"validation_file": "nothing"},
    "model": {"model": ""},
    "task": "classification",
}


@pytest.mark.parametrize("param", WRONG_JOBS)
def test_what_a_job_cannot_honour_is_refused_by_name(
    http: RunningHttp, ai: openai.OpenAI, tenant: str, param: str, stored: str
):
    wrong = WRONG_JOBS[param]
    changes = wrong if isinstance(wrong, dict) else {param: wrong}

    _, error = http.refused(
        "POST", "/v1/fine_tuning/jobs", {"model": BASE, "training_file": stored, **changes}, key=tenant
    )

    assert error["param"] == param
    assert error["message"].startswith(param)


def test_faults_of_the_service_are_named_like_the_parameters_of_the_job(http: RunningHttp, tenant: str, stored: str):
    body = {
        "model": BASE,
        "training_file": stored,
        "hyperparameters": {"n_epochs": 9_999},
        "metadata": {"-bad": "x"},
    }

    _, error = http.refused("POST", "/v1/fine_tuning/jobs", body, key=tenant)

    assert error["param"] in ("hyperparameters.n_epochs", "metadata")
    assert "tune_experiment" not in error["message"]
    status, error = http.refused("POST", "/v1/fine_tuning/jobs", {**body, "model": "nothing"}, key=tenant)
    assert status in (400, 404)


@pytest.mark.parametrize("multiplier", [1e-12, 5_000, 1e999])
def test_a_multiplier_out_of_range_is_refused_with_its_own_range(
    http: RunningHttp, service: Client, tenant: str, stored: str, multiplier: float
):
    rate = service.get_base_model("foreword--starter").recipes["prompt_tuning"].learning_rate
    given = json.dumps({"n_epochs": 1, "learning_rate_multiplier": multiplier}).replace("Infinity", "1e999")
    body = f'{{"model": "{BASE}", "training_file": "{stored}", "hyperparameters": {given}}}'.encode()

    options = {"key": tenant, "content_type": "application/json"}
    status, error = http.refused("POST", "/v1/fine_tuning/jobs", body, **options)

    assert (status, error["param"]) == (400, "hyperparameters.learning_rate_multiplier")
    low, high = map(float, re.search(r"must be in \[(\S+), (\S+)\]", error["message"]).groups())
    assert 1e-8 <= low * rate < 1.01e-8
    assert 9.9 < high * rate <= 10
    assert f"not {multiplier:g}." in error["message"]


def test_a_suffix_takes_the_place_of_one_entry_of_the_metadata(http: RunningHttp, tenant: str, stored: str):
    body = {"model": BASE, "training_file": stored, "metadata": {f"k{number}": "" for number in range(20)}}

    _, error = http.refused("POST", "/v1/fine_tuning/jobs", {**body, "suffix": "a"}, key=tenant)

    assert error["message"] == "metadata: must have at most 19 keys, not 20."
