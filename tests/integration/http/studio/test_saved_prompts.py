"""Saved prompts in the lab: saved, loaded, compared, and asked side by side."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of
from foreword.client import Client, PromptExample, PromptVariable, StructuredPrompt
from foreword.domain.tenant import Scope
from foreword.http.studio.lab import saved_view

BASE = "baseModels/foreword--starter"
TEXT = "Where are my two extra sheets?"
VARIABLES = (PromptVariable(name="what", default_value="department"),)


@pytest.fixture
def tenant() -> str:
    return f"saved-{time.time_ns()}"


@pytest.fixture
def key(server: RunningServer, tenant: str) -> str:
    return server.new_key(tenant, [Scope.WRITE, Scope.READ, Scope.INFER])


@pytest.fixture
def client(server: RunningServer, key: str) -> Iterator[Client]:
    with Client(server.endpoint, key) as connected:
        yield connected


@pytest.fixture
def browser(http: RunningHttp, key: str) -> Iterator[Browser]:
    with Browser(http, key) as signed_in:
        yield signed_in


@pytest.fixture
def lab(tenant: str) -> str:
    return f"/tenants/{tenant}/lab"


def form(do: str, **fields: Any) -> dict[str, Any]:
    """Return the fields of the form of a structured prompt, as a browser sends them."""
    return {
        "do": do,
        "mode": "structured",
        "model": [BASE],
        "gets": ["all"],
        "instruction": "Name the {{what}}.",
        "shown_input": ["My box is torn.", "unticked"],
        "shown_output": ["Packaging", "x"],
        "sent": ["0"],
        "input": TEXT,
        "variables": "what = department",
        "max_new_tokens": "3",
        **fields,
    }


def field(page: str, name: str) -> str:
    """Return what a text field of a page holds."""
    [found] = re.findall(rf'<textarea[^>]* name="{name}"[^>]*>\n(.*?)</textarea>', page, re.S)
    return unescape(found)


def test_what_is_saved_is_the_prompt_without_its_input(browser: Browser, client: Client, lab: str) -> None:
    page = browser.submit(lab, form("save", saved_name="Triage of complaints", saved_note="first"))

    assert "Saved as version 1 of Triage of complaints." in text_of(page)
    assert 'name="loaded" value="triage-of-complaints@1"' in page
    version = client.get_saved_prompt("triage-of-complaints").version
    assert version.prompt == StructuredPrompt(
        instruction="Name the {{what}}.",
        examples=(PromptExample(input="My box is torn.", output="Packaging"),),
        input="",
    )
    assert (version.variables, version.parameters) == (VARIABLES, {"max_new_tokens": 3})
    assert (version.model, version.note) == (BASE, "first")

    again = browser.submit(lab, form("save", saved_name="Triage of complaints", instruction="Say the {{what}}."))
    assert "Saved as version 2" in text_of(again)
    same = browser.submit(lab, form("save", saved_name="Triage of complaints", instruction="Say the {{what}}."))
    assert "Nothing was added: version 2 of Triage of complaints is the same." in text_of(same)


def test_a_loaded_version_fills_the_form_but_for_its_input(browser: Browser, client: Client, lab: str) -> None:
    first = StructuredPrompt(instruction="Loaded {{what}}.", input="", input_prefix="Q: ")
    client.save_prompt("first", first, variables=VARIABLES, parameters={"temperature": 0.5, "stop_sequences": ["."]})
    client.save_prompt("first", "Plain {{what}}", variables=VARIABLES)

    page = browser.submit(lab, form("load:first@1"))

    assert field(page, "instruction") == "Loaded {{what}}."
    assert field(page, "input") == TEXT
    assert field(page, "variables") == "what = department"
    assert 'name="input_prefix" value="Q: "' in page
    assert 'name="temperature" value="0.5"' in page
    assert 'name="max_new_tokens" value=""' in page, "parameters are those of the version"
    assert "My box is torn." not in page
    newest = browser.submit(lab, form("load", saved="first"))
    assert field(newest, "text") == "Plain {{what}}"
    assert 'name="mode" value="freeform"' in newest


def test_more_saved_prompts_than_are_listed_are_found_by_name(
    browser: Browser, client: Client, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_view, "_MOST_LISTED", 2)
    for name in ("Triage", "Refunds of parts", "Refunds"):
        client.save_prompt(name, "Hello")

    def listed(page: str) -> list[str]:
        return re.findall(r"<option[^>]*>([^<]*), version 1</option>", page.split('name="saved"')[1])

    first = browser.page(lab)
    found = browser.submit(lab, form("find", saved_find="triage"))
    both = browser.submit(lab, form("find", saved_find=" Refunds "))
    none = browser.submit(lab, form("find", saved_find='"'))
    by_script = browser.post(lab, data=form("find", saved_find="triage"), headers={"hx-request": "true"}).text

    assert listed(first) == ["Refunds", "Refunds of parts"]
    assert "Only the 2 that changed last are listed below." in text_of(first)
    assert (listed(found), listed(both)) == (["Triage"], ["Refunds", "Refunds of parts"])
    assert "1 saved prompt has this in the name." in text_of(found)
    assert "No saved prompt has this in its name." in text_of(none)
    assert 'hx-target="#library"' in by_script
    assert listed(by_script) == ["Triage"]


def test_an_empty_default_is_not_the_same_as_none(browser: Browser, client: Client, lab: str) -> None:
    text = "{{what}} {{empty}} {{given}}"
    fields = {"mode": "freeform", "text": text, "variables": "what = x\nempty =\ngiven"}

    browser.submit(lab, form("save", saved_name="Defaults", **fields))
    loaded = browser.submit(lab, form("load:defaults@1"))
    refused = browser.submit(lab, form("run", **fields), status=422)

    declared = client.get_saved_prompt("defaults").version.variables
    assert {item.name: item.default_value for item in declared} == {"what": "x", "empty": "", "given": None}
    assert field(loaded, "variables") == "what = x\nempty =\ngiven"
    assert "given" in text_of(refused.split('id="fault-variables"')[1].split("</div>")[0])


def test_versions_are_compared_with_each_other_and_with_the_form(browser: Browser, client: Client, lab: str) -> None:
    client.save_prompt("p", StructuredPrompt(instruction="One.", input=""), model=BASE)
    client.save_prompt("p", StructuredPrompt(instruction="Two.", input=""), model=BASE, parameters={"top_k": 4})

    two = text_of(browser.submit(lab, form("compare:p@1..2")))
    with_form = text_of(browser.submit(lab, form("compare:p@2", instruction="Two.", variables="", sent=[])))

    assert "p: version 1 and version 2" in two
    assert "instruction One. Two." in two
    assert "top_k – 4" in two
    assert "The same in both: model." in two
    assert "p: version 2 and the form" in with_form
    assert "max_new_tokens – 3" in with_form
    assert "The same in both: instruction, model." in with_form


def test_a_version_is_asked_beside_the_prompt_of_the_form(browser: Browser, client: Client, lab: str) -> None:
    prompt = StructuredPrompt(instruction="Repeat {{what}}.", input="")
    client.save_prompt("beside", prompt, variables=[PromptVariable(name="what", default_value="it")])
    expected = client.generate(BASE, client.get_saved_prompt("beside").version.filled(input=TEXT), max_new_tokens=3)

    page = browser.submit(lab, form("beside:beside@1"))
    assert '<option value="saved:beside@1" selected>' in page
    asked = form("run", model=[BASE, BASE], gets=["all", "saved:beside@1"], variables="", instruction="Hello")
    answered = browser.submit(lab, asked)
    counted = browser.post(f"{lab}/tokens", data=asked).text

    total = expected.usage.input_tokens + expected.usage.generated_tokens
    assert f"{expected.usage.input_tokens} + {expected.usage.generated_tokens} = {total}" in text_of(answered)
    assert f"{expected.usage.input_tokens} tokens" in text_of(counted)
    code = text_of(browser.submit(lab, {**asked, "do": "code:1"}))
    assert "get_saved_prompt('beside', 1)" in code
    assert "--prompt beside@1" in code


def test_code_names_the_loaded_version_until_the_form_differs(browser: Browser, lab: str) -> None:
    saved = browser.submit(lab, form("save", saved_name="named"))
    loaded = re.findall(r'name="loaded" value="([^"]*)"', saved)[0]

    same = text_of(browser.submit(lab, form("code:0", loaded=loaded, sent=["0"])))
    other = text_of(browser.submit(lab, form("code:0", loaded=loaded, instruction="Tell the {{what}}.")))

    assert "get_saved_prompt('named', 1)" in same
    assert "get_saved_prompt" not in other


@pytest.mark.parametrize(
    ("fields", "name", "problem"),
    [
        ({"do": "save"}, "saved_name", "Give it a name"),
        ({"do": "save", "saved_name": "x", "instruction": "", "sent": []}, "instruction", "the input is not saved"),
        ({"do": "save", "saved_name": "x", "instruction": "{{who}}"}, "variables", "no value for who"),
        ({"do": "save", "saved_name": "x", "max_new_tokens": "many"}, "max_new_tokens", "Must be an int"),
        ({"do": "load"}, "saved", "Choose a saved prompt"),
        ({"do": "load:gone@1"}, "saved", "does not exist"),
        ({"do": "versions:gone"}, "saved", "does not exist any more"),
        ({"do": "compare:../../x"}, "saved", "Choose a saved prompt"),
        ({"do": "run", "gets": ["saved:gone@1"]}, "saved", "Choose what its column gets"),
    ],
)
def test_what_is_refused_stands_beside_its_field(
    browser: Browser, lab: str, fields: dict[str, Any], name: str, problem: str
) -> None:
    page = browser.submit(lab, {**form(""), **fields}, 422)

    [slot] = re.findall(rf'<div class="fault-slot" id="fault-{name}">(.*?)</div>', page, re.S)
    assert problem in text_of(slot)
    assert field(page, "input") == TEXT


def test_hostile_names_and_prompts_are_text(browser: Browser, client: Client, lab: str) -> None:
    for text in HOSTILE_TEXTS:
        client.create_saved_prompt(text, StructuredPrompt(instruction=text, input=""), note=text, saved_prompt_id="")
    names = [item.name.rsplit("/", 1)[1] for item in client.list_saved_prompts()]

    for name in names:
        page = browser.submit(lab, form(f"compare:{name}@1"))
        assert "<script>document.title" not in page
        assert "<img src=x" not in page


def test_a_key_that_only_infers_loads_but_is_not_offered_to_save(
    http: RunningHttp, server: RunningServer, client: Client, tenant: str, lab: str
) -> None:
    client.save_prompt("shared", "Plain text")

    with Browser(http, server.new_key(tenant, [Scope.INFER])) as browser:
        page = browser.page(lab)
        assert "shared, version 1" in text_of(page)
        assert 'name="saved_name"' not in page
        assert field(browser.submit(lab, form("load", saved="shared")), "text") == "Plain text"
