"""Models of a hub on loopback: what is fetched when, and what is said when it cannot be."""

from __future__ import annotations

import pytest

from factories.hub import COMMIT, REPOSITORY, running_hub
from factories.hugging_face import write_model
from foreword.errors import FailedPreconditionError
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import ModelEntry
from foreword_huggingface.sources import UNREACHABLE, HubSource

ENTRY = ModelEntry(name=REPOSITORY)
CLOSED = "http://127.0.0.1:9"


@pytest.fixture
def hub(tmp_path):
    with running_hub(write_model(tmp_path / "hub", "llama")) as running:
        yield running


@pytest.fixture
def describe(tmp_path):
    """Describes REPOSITORY as found at an endpoint, with a cache of the test's own."""

    def describe(endpoint: str, *, repository: str = REPOSITORY, revision: str = "main", **options: bool):
        source = HubSource(repository, revision, cache_folder=tmp_path / "cache", endpoint=endpoint)
        return HuggingFaceModel.describe(ENTRY, source=source, **options)

    return describe


def test_only_the_configuration_is_fetched_until_the_model_is_loaded(hub, describe):
    (hub.folder / "pytorch_model.bin").write_bytes(b"never asked for")
    (hub.folder / "code.py").write_text("raise SystemExit")

    model = describe(hub.endpoint)
    listed = list(hub.requests)
    model.load_tokenizer()
    counted = list(hub.requests)
    loaded = model.load(device="cpu", dtype="float32")

    assert model.spec.revision == COMMIT
    assert model.spec.licence == f"see https://huggingface.co/{REPOSITORY}"
    assert loaded.module.num_parameters() == model.spec.parameter_count
    assert not any("tokenizer" in path or "safetensors" in path for path in listed)
    assert not any("safetensors" in path for path in counted)
    assert any("model.safetensors" in path for path in hub.requests)
    assert not any("code.py" in path or ".bin" in path for path in hub.requests)


def test_what_is_in_the_cache_needs_no_hub(hub, describe):
    describe(hub.endpoint).load(device="cpu", dtype="float32")
    hub.requests.clear()

    again = describe(hub.endpoint)
    offline = describe(CLOSED, offline=True)

    assert hub.requests == []
    assert again.spec == offline.spec
    assert offline.load(device="cpu", dtype="float32").spec.revision == COMMIT


def test_without_hub_and_cache_the_model_and_the_remedy_are_named(describe):
    for offline in (False, True):
        with pytest.raises(FailedPreconditionError, match=f"hf download {REPOSITORY}") as raised:
            describe(CLOSED, offline=offline)
        assert raised.value.reason == UNREACHABLE


def test_weights_that_were_not_fetched_in_time_are_missed_when_loading(hub, describe):
    describe(hub.endpoint).load_tokenizer()

    with pytest.raises(FailedPreconditionError) as raised:
        describe(CLOSED).load(device="cpu", dtype="float32")

    assert REPOSITORY in raised.value.message
    assert "network" in raised.value.message


def test_a_gated_model_says_where_its_licence_is_accepted(hub, describe):
    hub.gated = True

    with pytest.raises(FailedPreconditionError, match=f"https://huggingface.co/{REPOSITORY}.*HF_TOKEN") as raised:
        describe(hub.endpoint)
    assert raised.value.reason == "BASE_MODEL_GATED"


@pytest.mark.parametrize(
    ("repository", "revision", "problem"),
    [("team/other", "main", "no model 'team/other'"), (REPOSITORY, "v9", "no revision 'team/tiny@v9'")],
)
def test_what_the_hub_does_not_have_is_named(hub, describe, repository, revision, problem):
    with pytest.raises(FailedPreconditionError, match=problem) as raised:
        describe(hub.endpoint, repository=repository, revision=revision)
    assert raised.value.reason == "BASE_MODEL_MISSING"


def test_a_repository_without_safetensors_is_refused_when_it_is_loaded(hub, describe):
    (hub.folder / "model.safetensors").unlink()

    with pytest.raises(FailedPreconditionError, match="in safetensors"):
        describe(hub.endpoint).load(device="cpu", dtype="float32")
