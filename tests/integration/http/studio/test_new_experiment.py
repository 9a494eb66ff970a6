"""The page of a new experiment: the form, the plan beside it, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from factories.api import create_experiment, make_file, upload
from factories.http import RunningHttp
from factories.queued_runs import finish_queue
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of
from foreword.domain.tenant import Scope
from foreword.v1 import catalog_service_pb2
from foreword.v1 import tune_experiment_service_pb2 as messages

TENANT = "/tenants/studio-new"
NEW = f"{TENANT}/tuneExperiments/new"


@pytest.fixture(scope="module")
def key(server: RunningServer) -> str:
    return server.new_key("studio-new")


@pytest.fixture(scope="module")
def stubs(server: RunningServer, key: str) -> Any:
    return server.stubs(key)


@pytest.fixture(scope="module")
def dataset(stubs: Any) -> str:
    """The id of a dataset."""
    return str(upload(stubs, make_file(), display_name="Rows").name).rsplit("/", 1)[1]


@pytest.fixture
def browser(http: RunningHttp, key: str, server: RunningServer) -> Iterator[Browser]:
    with Browser(http, key) as found:
        yield found
    finish_queue(server)


def form(dataset: str, **fields: str) -> dict[str, str]:
    """Return a filled form; `__` in names stands for `.`."""
    values = {"display_name": "Run", "dataset": dataset, "nonce": "n", "action": "create"}
    return values | {name.replace("__", "."): text for name, text in fields.items()}


def plan(browser: Browser, dataset: str, **fields: str) -> str:
    return browser.submit(f"{NEW}/plan", form(dataset, **fields))


def plan_text(page: str) -> str:
    return text_of(page[page.index('<aside class="panel" id="plan"') :].split("</aside>")[0])


def fault_of(page: str, field: str) -> str:
    beside = page[page.index(f'id="{field}-fault"') :]
    return text_of(beside[beside.index(">") + 1 : beside.index("</p>")])


def value_of(page: str, field: str) -> str:
    """Return what a field of one line holds."""
    tag = re.search(rf'<input[^>]*name="{re.escape(field)}"[^>]*>', page)
    assert tag is not None, field
    value = re.search(r'value="([^"]*)"', tag[0])
    return value[1] if value else ""


def selected(page: str, field: str) -> str:
    """Return the value that is chosen in a list."""
    options = page[page.index(f'name="{field}"') :].split("</select>")[0]
    chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
    assert chosen is not None
    return chosen[1]


def experiments(stubs: Any, name: str) -> list[Any]:
    request = messages.ListTuneExperimentsRequest(filter=f'display_name : "{name}"', page_size=100)
    return list(stubs.experiments.ListTuneExperiments(request).tune_experiments)


def test_the_form_has_every_parameter_of_the_catalog_with_its_source(
    browser: Browser, dataset: str, stubs: Any
) -> None:

    page = browser.page(f"{NEW}?dataset={dataset}")

    listed = stubs.catalog.ListParameters(catalog_service_pb2.ListParametersRequest()).tune_parameters
    assert len(listed) == 20
    for spec in listed:
        assert f'name="parameters.{spec.name}"' in page
        assert str(escape(spec.description)) in page
    assert 'name="parameters.method_parameters.token_dropout"' in page
    assert 'name="task_options.multi_label"' in page, "the task is chosen by the rows"
    assert (value_of(page, "display_name"), selected(page, "dataset")) == ("Rows", dataset)
    assert '<p class="source" id="parameters.num_epochs-source">as the rows are few</p>' in page
    assert "Number of rows per forward pass. In [1, 1024]." in text_of(page)
    assert "24 to tune on, 6 held out" in plan_text(page)


def test_the_plan_follows_what_is_typed(browser: Browser, dataset: str, stubs: Any) -> None:
    page = plan(browser, dataset, parameters__batch_size="16", parameters__num_epochs="2", parameters__refit="false")

    text = plan_text(page)
    assert text.startswith("The plan in order 4 updates")
    assert "by the recipe" in text
    assert "FEW_UPDATES" in text
    assert "<html" not in page, "it is a part of the page"
    assert (
        '<p class="source set" id="parameters.batch_size-source">set by you<span class="was">recipe: 8</span>' in page
    )
    assert (value_of(page, "parameters.batch_size"), selected(page, "parameters.refit")) == ("16", "false")
    assert "--batch-size 16" in page
    assert "--no-refit" in page
    assert not experiments(stubs, "Run"), "nothing is created"


def test_other_parameters_are_shown_for_another_method_and_what_was_typed_is_kept_aside(
    browser: Browser, dataset: str
) -> None:
    page = plan(browser, dataset, tuning_type="ia3", parameters__num_virtual_tokens="7", parameters__init_text="<b>")

    assert 'id="parameters.num_virtual_tokens"' not in page
    assert '<input type="hidden" name="parameters.num_virtual_tokens" value="7">' in page
    assert '<input type="hidden" name="parameters.init_text" value="&lt;b&gt;">' in page
    assert "Kept aside, as they do not apply: num_virtual_tokens , init_text ." in plan_text(page)
    assert plan_text(page).startswith("The plan in order")


def test_every_fault_is_shown_beside_its_field_and_nothing_typed_is_lost(
    browser: Browser, dataset: str, stubs: Any
) -> None:
    fields = {
        "parameters__batch_size": "many",
        "parameters__num_epochs": "0",
        "parameters__learning_rate": "nan",
        "parameters__seed": "9" * 30,
        "parameters__method_parameters__averaging": "7",
        "parameters__keep_best": "maybe",
        "verbalizer": "without a place",
        "tags": "no equals sign",
        "instruction": "Kept\nlines",
        "display_name": "x" * 300,
    }
    page = browser.submit(f"{TENANT}/tuneExperiments", form(dataset, **fields), status=400)

    assert fault_of(page, "parameters.batch_size") == "Must be an int in [1, 1024], not 'many'."
    assert fault_of(page, "parameters.num_epochs") == "Must be in [1, 1000], not 0."
    assert fault_of(page, "parameters.learning_rate") == "Must be in [1e-08, 10], not nan."
    assert "in [0, 2147483647]" in fault_of(page, "parameters.seed")
    assert fault_of(page, "parameters.keep_best") == "Must be true or false, not 'maybe'."
    assert fault_of(page, "verbalizer").startswith("Must contain {{input}}")
    assert "KEY=VALUE" in fault_of(page, "tags")
    assert "at most 200 characters" in fault_of(page, "display_name")
    assert "fields must be mended" in plan_text(page)
    for name, text in fields.items():
        field = name.replace("__", ".")
        if name in ("tags", "instruction"):
            assert f">\n{text}</textarea>" in page
        elif name == "parameters__keep_best":
            assert selected(page, field) == text
        else:
            assert value_of(page, field) == text
    for field in ("parameters.batch_size", "verbalizer"):
        tag = page[page.index(f'id="{field}"') :].split(">")[0]
        assert 'aria-invalid="true"' in tag
        assert f"{field}-fault" in tag
    assert not experiments(stubs, "x")

    # A value that only the service can judge, once the others are mended.
    page = plan(browser, dataset, parameters__method_parameters__averaging="7")
    assert "0.9999" in fault_of(page, "parameters.method_parameters.averaging")
    assert re.search(r'<details class="more" id="group-Of-the-method:-Prompt-tuning" open', page)


def test_options_of_a_task_that_the_rows_choose_are_honoured(browser: Browser, dataset: str, stubs: Any) -> None:
    wrong = plan(browser, dataset, task_options__labels="Planning\nOther")
    assert "not a declared label" in fault_of(wrong, "task_options.labels")
    assert ">\nPlanning\nOther</textarea>" in wrong

    browser.submit(f"{TENANT}/tuneExperiments", form(dataset, display_name="Options", task_options__multi_label="true"))

    (created,) = experiments(stubs, "Options")
    assert created.task == "classification"
    assert created.task_options.multi_label is True


def test_a_run_is_created_as_typed_and_once(browser: Browser, dataset: str, stubs: Any) -> None:
    fields = form(
        dataset,
        display_name="Typed",
        description="Why: 100 %",
        instruction="Name the\ndepartment.",
        tags="team=billing\n\nquarter = Q4",
        evaluate_base="false",
        tuning_type="ia3",
        parameters__num_epochs="3",
        parameters__keep_best="true",
        parameters__learning_rate="1e-2",
        parameters__method_parameters__token_dropout="0.25",
    )
    shown = browser.submit(f"{TENANT}/tuneExperiments", fields)
    browser.submit(f"{TENANT}/tuneExperiments", fields)

    assert "Typed (1)" in shown
    (created,) = experiments(stubs, "Typed")
    assert created.description == "Why: 100 %"
    assert created.instruction == "Name the\ndepartment."
    assert dict(created.tags) == {"team": "billing", "quarter": "Q4"}
    assert (created.evaluate_base, created.tuning_type) == (False, "ia3")
    parameters = created.parameters
    assert (parameters.num_epochs, parameters.keep_best, parameters.learning_rate) == (3, True, pytest.approx(0.01))
    assert dict(parameters.method_parameters) == {"token_dropout": 0.25}
    assert not parameters.HasField("batch_size"), "what is left empty is left to the recipe"
    browser.submit(f"{TENANT}/tuneExperiments", {**fields, "parameters.num_epochs": "4"})
    assert len(experiments(stubs, "Typed")) == 2, "another text is another run"


def test_a_copy_asks_for_what_the_run_was_asked_for(browser: Browser, dataset: str, stubs: Any) -> None:
    source = create_experiment(
        stubs,
        dataset=f"tenants/studio-new/datasets/{dataset}",
        display_name="Source",
        description="<i>described",
        instruction="Which one?",
        tags={"a": "1", "b": "2"},
        parameters={"num_epochs": 2, "learning_rate": 0.125, "refit": False, "init_method": "text", "init_text": "Hi"},
    )
    page = browser.page(f"{NEW}?from={source.name.rsplit('/', 1)[1]}")

    assert value_of(page, "display_name") == "Source"
    assert value_of(page, "parameters.learning_rate") == "0.125"
    assert value_of(page, "parameters.batch_size") == ""
    assert (selected(page, "parameters.refit"), selected(page, "parameters.init_method")) == ("false", "text")
    for text in ("Hi", "Which one?", "a=1\nb=2", "&lt;i&gt;described"):
        assert f">\n{text}</textarea>" in page
    assert plan_text(page).startswith("The plan in order")
    assert "There is nothing here" in text_of(browser.page(f"{NEW}?from=missing", 404))


def test_without_a_script_the_plan_and_the_recipe_have_buttons(browser: Browser, dataset: str) -> None:
    shown = browser.submit(
        f"{TENANT}/tuneExperiments", form(dataset, action="plan", parameters__num_epochs="7", instruction="Kept")
    )
    assert 'value="plan">Show the plan</button></noscript>' in shown
    assert value_of(shown, "parameters.num_epochs") == "7"
    reset = browser.submit(
        f"{TENANT}/tuneExperiments", form(dataset, action="recipe", parameters__num_epochs="7", instruction="Kept")
    )
    assert value_of(reset, "parameters.num_epochs") == ""
    assert ">\nKept</textarea>" in reset


@pytest.mark.parametrize("text", [*HOSTILE_TEXTS, "y" * 10_000])
def test_whatever_is_typed_comes_back_as_text(browser: Browser, dataset: str, text: str) -> None:
    names = ("display_name", "description", "instruction", "verbalizer", "tags", "task", "tuning_type", "base_model",
             "evaluate_base", "validation_dataset", "parameters.num_epochs", "parameters.init_text",
             "parameters.init_method", "parameters.unknown", "task_options.labels")  # fmt: skip
    typed = {"dataset": dataset, "nonce": text, **dict.fromkeys(names, text)}
    for path, status in ((f"{NEW}/plan", 200), (f"{TENANT}/tuneExperiments", 400)):
        page = browser.submit(path, typed, status=status)
        assert "<script>document" not in page
        assert "<img src=x" not in page
        assert page.count(str(escape(text))) >= 8
    browser.submit(f"{NEW}/plan", {"dataset": text})
    browser.page(f"{NEW}?dataset={'z' * 300}")


def test_a_tenant_without_rows_is_led_to_the_upload(server: RunningServer, http: RunningHttp) -> None:
    with Browser(http, server.new_key("studio-no-rows")) as browser:
        page = browser.page("/tenants/studio-no-rows/tuneExperiments/new")
        assert "There are no rows to tune on." in text_of(page)
        assert 'href="/tenants/studio-no-rows/datasets#upload"' in page
        empty = browser.submit("/tenants/studio-no-rows/tuneExperiments", {"display_name": "x"}, status=400)
        assert "no rows to tune on" in text_of(empty)


def test_a_dataset_of_another_tenant_is_missing(server: RunningServer, http: RunningHttp, dataset: str) -> None:
    with Browser(http, server.new_key("studio-new-other")) as browser:
        for name in (dataset, f"tenants/studio-new/datasets/{dataset}"):
            page = browser.submit("/tenants/studio-new-other/tuneExperiments/new/plan", form(name))
            assert "does not exist" in plan_text(page)
            assert "Rows, version" not in text_of(page)


def test_a_key_that_may_only_read_creates_nothing(server: RunningServer, http: RunningHttp, dataset: str) -> None:
    with Browser(http, server.new_key("studio-new", (Scope.READ,))) as browser:
        assert "lacks the scope" in text_of(browser.page(NEW, 403))
        browser.submit(f"{NEW}/plan", form(dataset), status=403)
        browser.submit(f"{TENANT}/tuneExperiments", form(dataset), status=403)


def test_a_form_of_another_site_is_refused(browser: Browser, dataset: str, stubs: Any) -> None:
    fields = form(dataset, display_name="Crossed")
    answer = browser.post(f"{TENANT}/tuneExperiments", data=fields, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403
    assert not experiments(stubs, "Crossed")


def test_a_form_whose_session_has_ended_is_shown_again_with_its_plan(
    browser: Browser, key: str, dataset: str, stubs: Any
) -> None:
    typed = form(dataset, display_name="Kept <i>", description="Two\n\nlines", parameters__num_epochs="3")

    page = browser.sign_in_again(key, f"{TENANT}/tuneExperiments", typed)

    assert f'value="{escape("Kept <i>")}"' in page
    assert ">\nTwo\n\nlines</textarea>" in page
    assert value_of(page, "parameters.num_epochs") == "3"
    assert not experiments(stubs, "Kept"), "nothing is done before the form is sent again"
