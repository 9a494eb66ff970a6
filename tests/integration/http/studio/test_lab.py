"""The prompt lab, with and without its script."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from factories.api import LABELS, deployed, to_jsonl, tuned_model, upload
from factories.http import RunningHttp
from factories.servers import RunningServer
from factories.studio import HOSTILE_TEXTS, Browser, text_of
from foreword.client import Client, PromptExample, StructuredPrompt
from foreword.domain.tenant import Scope

LAB = "/tenants/dev/lab"
BASE = "baseModels/foreword--starter"
TEXT = "Where are my two extra sheets?"
SHORT = {"max_new_tokens": "6"}
SCRIPT = {"hx-request": "true"}


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.endpoint, "dev") as connected:
        yield connected


@pytest.fixture(scope="module")
def complaints(server: RunningServer) -> str:
    """The serving name of a classifier."""
    deployed(server, server.stubs(), "lab-complaints")
    return "lab-complaints"


def asked(*models: str, do: str = "run", gets: str = "all", **fields: Any) -> dict[str, Any]:
    """Return the fields of the form, as a browser sends them."""
    names = models or (BASE,)
    return {"do": do, "mode": "structured", "model": list(names), "gets": [gets] * len(names), "input": TEXT, **fields}


def by_script(browser: Browser, fields: dict[str, Any], path: str = LAB, status: int = 200) -> dict[str, str]:
    """Return the parts of the page that the script puts in place, by the id of their element."""
    answer = browser.post(path, data=fields, headers=SCRIPT)
    assert answer.status_code == status, answer.text
    return parts_of(answer.text)


def parts_of(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    pattern = r'<hx-partial hx-target="#([^"]*)" hx-swap="([a-zA-Z]*)">(.*?)</hx-partial>'
    for target, swap, content in re.findall(pattern, text, re.S):
        found[target] = found.get(target, "") + content if swap == "beforeend" else content
    return found


def test_a_fresh_lab_asks_the_newest_deployment_against_its_base(browser: Browser, complaints: str) -> None:
    page = browser.page(LAB)

    chosen = re.findall(r'<option value="([^"]*)"[^>]* selected>', page)
    assert chosen[:1] == [complaints]
    assert BASE in chosen
    assert "two models side by side" in text_of(page)
    assert re.findall(r'<option value="(input|all)" selected>', page)[:2] == ["input", "all"]


def test_models_of_an_address_become_columns(browser: Browser, server: RunningServer) -> None:
    model = tuned_model(server, server.stubs(), display_name="Named in the address")

    assert "Named in the address" in text_of(browser.page(f"{LAB}?model={model}"))
    page = browser.page(f"{LAB}?model={BASE}&model=<script>alert(1)</script>&model=&model={model}")
    assert page.count("data-model>") == 3
    assert "<script>alert" not in page


def test_the_answer_is_that_of_the_service_with_its_tokens_and_seed(browser: Browser, client: Client) -> None:
    prompt = StructuredPrompt(instruction="Name it.", examples=(PromptExample(input="a", output="b"),), input=TEXT)
    expected = client.generate(BASE, prompt, max_new_tokens=6)
    examples = {"shown_input": ["a", "unsent"], "shown_output": ["b", "c"], "sent": "0"}

    page = browser.submit(LAB, asked(instruction="Name it.", **examples, **SHORT))

    assert f'<p class="said">{escape(expected.text)}</p>' in page
    usage = expected.usage
    total = usage.input_tokens + usage.generated_tokens
    assert f"{usage.input_tokens} + {usage.generated_tokens} = {total} of 512 tokens" in text_of(page)
    assert f"{expected.stop_reason.value} seed {expected.seed} reuse first token after" in text_of(page)
    assert "Name it.</textarea>" in page


def test_a_seed_is_used_again(browser: Browser) -> None:
    sampled = {"decoding_method": "sample", "temperature": "1.5", **SHORT}
    first = browser.submit(LAB, asked(**sampled))
    [seed] = re.findall(r'value="seed:(\d+)"', first)

    again = browser.submit(LAB, asked(do=f"seed:{seed}", **sampled))
    assert f'name="random_seed" value="{seed}"' in again
    second = browser.submit(LAB, asked(random_seed=seed, **sampled))

    said = r'<p class="said[^"]*">(.*?)</p>'
    assert re.findall(said, first, re.S) == re.findall(said, second, re.S)


def test_a_classifier_has_probabilities_and_abstains_below_the_threshold(
    browser: Browser, client: Client, complaints: str
) -> None:
    expected = client.classify(complaints, TEXT)

    page = text_of(browser.submit(LAB, asked(complaints, gets="input", instruction="Not for it.")))
    for label, share in expected.label_probabilities.items():
        assert f"{label} {100 * share:.1f} %" in page

    page = text_of(browser.submit(LAB, asked(complaints, threshold="1")))
    assert "No answer" in page
    assert "below 100.0 %" in page


def test_what_one_column_is_refused_leaves_the_others_alone(browser: Browser, client: Client) -> None:
    expected = client.generate(BASE, TEXT, max_new_tokens=6)

    page = browser.submit(LAB, asked("no-such-model", BASE, **SHORT))

    assert "no-such-model does not exist" in text_of(page)
    assert re.search(r"reason RESOURCE_NOT_FOUND , request req_\w+", text_of(page))
    assert f'<p class="said">{escape(expected.text)}</p>' in page


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("temperature", "7", "Must be in (0, 2], not 7."),
        ("temperature", "warm", "in (0, 2], not 'warm'."),
        ("temperature", "nan", "Must be in (0, 2], not nan."),
        ("max_new_tokens", "1.5", "at least 1, not '1.5'."),
        ("max_new_tokens", "9" * 40, "not '9999"),
        ("include_stop_sequence", "maybe", "not 'maybe'."),
        ("decoding_method", "<b>", "Must be one of greedy, sample"),
        ("threshold", "2", "Must be in [0, 1], not 2."),
        ("length_penalty.start_index", "3", "Must be set too"),
        ("variables", "no equals sign", "Line 1 must be `name = value`"),
        ("variables", "a = 1\na = 2", "Line 2 sets a again."),
    ],
)
def test_a_faulty_form_is_shown_again_with_the_fault_beside_its_field(
    browser: Browser, name: str, text: str, fault: str
) -> None:
    page = browser.submit(LAB, asked(instruction="Kept as it was", **{name: text}), 422)

    assert fault in text_of(page)
    assert "Kept as it was</textarea>" in page
    assert '<article class="turn"' not in page
    if name != "length_penalty.start_index":
        assert 'aria-invalid="true"' in page
    if name not in ("include_stop_sequence", "decoding_method"):
        assert str(escape(text)) in page

    parts = by_script(browser, asked(**{name: text}), status=422)
    assert [fault in text_of(part) for part in parts.values()] == [True]


def test_what_only_the_service_can_refuse_is_shown_in_the_column_and_beside_the_field(browser: Browser) -> None:
    page = browser.submit(LAB, asked(max_new_tokens="100000"), 422)

    assert "reason INVALID_ARGUMENT" in text_of(page)
    [slot] = re.findall(r'<div class="fault-slot" id="fault-max_new_tokens">(.*?)</div>', page)
    assert "100000" in slot.replace(",", "")
    parts = by_script(browser, asked(max_new_tokens="100000"))
    assert "fault-max_new_tokens" in parts


def test_an_empty_input_is_refused_without_losing_the_rest(browser: Browser) -> None:
    page = browser.submit(LAB, {**asked(), "input": "", "kept": "not lost"}, 422)

    assert "reason" in text_of(page)
    assert "not lost</textarea>" in page


def test_by_script_the_answers_are_streamed_as_texts(browser: Browser, client: Client, complaints: str) -> None:
    expected = client.generate(BASE, TEXT, max_new_tokens=6)

    with browser.stream("POST", LAB, data=asked(BASE, complaints, "missing", **SHORT), headers=SCRIPT) as stream:
        lines = list(stream.iter_lines())

    assert stream.headers["content-type"].startswith("text/event-stream")
    events = "\n".join(lines).rstrip().split("\n\n")
    assert events[-1] == "event: end\ndata: end"
    parts = parts_of("\n".join(line.removeprefix("data: ") for line in lines))
    turn = parts.pop("turns")
    assert turn.count('aria-busy="true"') == 3
    pieces = "".join(content for target, content in parts.items() if target.startswith("said-"))
    assert "<" not in pieces
    done = {target[-1]: content for target, content in parts.items() if target.startswith("answer-")}
    assert f'<p class="said">{escape(expected.text)}</p>' in done["0"]
    assert 'class="labels"' in done["1"]
    assert "RESOURCE_NOT_FOUND" in done["2"]


def test_pieces_of_a_stream_add_up_to_its_answer(browser: Browser, client: Client) -> None:
    expected = client.generate(BASE, TEXT, max_new_tokens=60, min_new_tokens=60)

    answer = browser.post(LAB, data=asked(max_new_tokens="60", min_new_tokens="60"), headers=SCRIPT)

    events = [
        "\n".join(line.removeprefix("data: ") for line in event.split("\n") if line.startswith("data: "))
        for event in answer.text.split("\n\n")
    ]
    parts = parts_of("\n".join(events))
    [said] = [html.unescape(content) for target, content in parts.items() if target.startswith("said-")]
    assert said
    assert expected.text.startswith(said)  # the last pieces may come with the outcome
    assert str(escape(expected.text)) in "\n".join(events)


FIELDS = ("instruction", "input", "text", "input_prefix", "output_prefix", "variables", "shown_input", "shown_output")
DRAFTS = ("example_input", "example_output", "pasted", "kept", "kept_name", "over", "temperature", "stop_sequences")


@pytest.mark.parametrize("hostile", [*HOSTILE_TEXTS, "y" * 10_000, "\n\nleading lines\tand tabs ", "</textarea><i>"])
def test_every_field_is_shown_again_as_it_was_typed(browser: Browser, hostile: str) -> None:
    for mode in ("structured", "freeform"):
        fields = dict.fromkeys((*FIELDS, *DRAFTS), hostile)
        page = browser.submit(LAB, {**asked(do="edit"), **fields, "mode": mode, "sent": "0"})

        assert "<script>document" not in page
        assert "<img src=x" not in page
        assert "<i>" not in page
        shown = [
            html.unescape(value).removeprefix("\n")
            for value in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.S)
        ]
        hidden = [html.unescape(value) for value in re.findall(r'<input [^>]*value="([^"]*)"', page)]
        chosen = [html.unescape(value) for value in re.findall(r"<option selected>(.*?)</option>", page, re.S)]
        assert [*shown, *hidden, *chosen].count(hostile) == len(fields), mode


@pytest.mark.parametrize("hostile", HOSTILE_TEXTS)
def test_hostile_prompts_are_asked_and_shown_as_texts(browser: Browser, hostile: str) -> None:
    page = browser.submit(LAB, {**asked(**SHORT), "instruction": hostile, "input": hostile})

    assert f">{escape(hostile)}</blockquote>" in page
    assert "<img src=x" not in page


def test_examples_are_written_pasted_and_taken_from_a_dataset(browser: Browser, server: RunningServer) -> None:
    def pairs(page: str) -> list[tuple[str, str]]:
        names = re.findall(r'name="shown_(input|output)" value="([^"]*)"', page)
        values = [html.unescape(value) for _, value in names]
        return list(zip(values[::2], values[1::2], strict=True))

    page = browser.submit(LAB, asked(do="add", example_input="One <b>", example_output="Warehouse"))
    assert pairs(page) == [("One <b>", "Warehouse")]
    assert (
        'id="example_input" name="example_input" rows="2" aria-describedby="fault-example_input">\n</textarea>' in page
    )

    held = {"shown_input": "One <b>", "shown_output": "Warehouse", "sent": "0"}
    page = browser.submit(LAB, asked(do="paste", pasted="Two\tService\nThree\tPlanning\n", **held))
    assert pairs(page) == [("One <b>", "Warehouse"), ("Two", "Service"), ("Three", "Planning")]
    page = browser.submit(LAB, asked(do="paste", pasted='{"input": "Four\\nlines", "output": "L3"}', **held))
    assert pairs(page)[1] == ("Four\nlines", "L3")

    dataset = upload(server.stubs(), display_name="for the lab").name
    page = browser.submit(LAB, asked(do="rows", dataset=dataset, first_row="2", row_count="2", **held))
    assert len(pairs(page)) == 3
    assert {answer for _, answer in pairs(page)} <= {*LABELS, "Warehouse"}

    parts = by_script(browser, asked(do="remove:0", **held))
    assert pairs(parts["examples"]) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"do": "add", "example_input": "x"}, "Write it first"),
        ({"do": "paste", "pasted": " "}, "There is nothing to add."),
        ({"do": "paste", "pasted": "no tab here"}, "Row 1 has 1 columns instead of 2."),
        ({"do": "paste", "pasted": '{"input": "x"}'}, "Line 1 is no row of JSONL."),
        ({"do": "paste", "pasted": '{"input": ' + "[" * 5000}, "Line 1 is no row of JSONL."),
        ({"do": "paste", "pasted": "a\tb\n" * 101}, "at most 100 examples"),
        ({"do": "rows", "dataset": ""}, "Choose a dataset."),
        ({"do": "rows", "dataset": "tenants/dev/datasets/none"}, "does not exist"),
        ({"do": "rows", "dataset": "x", "first_row": "-1", "row_count": "many"}, "whole number from 1 to 100"),
        ({"do": "download", "kept": "{"}, "Line 1 is no row of JSONL."),
        ({"do": "upload", "kept": '{"input": "a", "output": "b"}'}, "Give the dataset a name"),
    ],
)
def test_examples_and_rows_that_cannot_be_taken_stay_in_their_fields(
    browser: Browser, fields: dict[str, str], fault: str
) -> None:
    page = browser.submit(LAB, asked(**fields), 422)

    assert fault in text_of(page)
    for name, value in fields.items():
        if name in ("pasted", "kept", "example_input") and value.strip():
            assert str(escape(value)) in page


def test_columns_are_added_and_removed(browser: Browser) -> None:
    parts = by_script(browser, asked(BASE, BASE, do="column"))
    assert parts["columns"].count("data-model>") == 3
    parts = by_script(browser, asked(BASE, BASE, BASE, BASE, do="column"))
    assert parts["columns"].count("data-model>") == 4
    assert "Add a column" not in parts["columns"]
    assert by_script(browser, asked(BASE, do="drop:0"))["columns"].count("data-model>") == 1


def test_the_parts_become_the_text_of_a_freeform_prompt(browser: Browser) -> None:
    parts = by_script(browser, asked(do="mode:freeform", instruction="Name it."))
    assert "Name it.\n\nInput: Where are my two extra sheets?\nOutput:</textarea>" in parts["composer"]

    again = by_script(
        browser, {**asked(do="mode:structured", instruction="Name it."), "text": "mine", "mode": "freeform"}
    )
    assert ">\nName it.</textarea>" in again["composer"]
    assert '<input type="hidden" name="text" value="mine">' in again["composer"]


def test_tokens_are_counted_by_part_and_column_while_typing(browser: Browser, client: Client, complaints: str) -> None:
    expected = client.tokenize(BASE, StructuredPrompt(instruction="Name it.", input=TEXT))

    fields = {**asked(BASE, complaints), "gets": ["all", "input"], "instruction": "Name it."}
    parts = by_script(browser, fields, f"{LAB}/tokens")

    counts = expected.part_token_counts
    assert parts["tokens-instruction"] == f"{counts['instruction']} tokens"
    assert parts["tokens-input"] == f"{counts['input']} tokens"
    assert f"{expected.token_count} tokens: {counts['instruction']} + {counts['input']}" in text_of(parts["count-0"])
    assert "behind" in parts["count-1"]
    assert "does not exist" in by_script(browser, asked("missing"), f"{LAB}/tokens")["count-0"]
    unfinished = {**asked(instruction="Name it."), "input": " "}
    assert by_script(browser, unfinished, f"{LAB}/tokens")["count-0"].strip() == ""


def test_variables_that_the_input_does_not_have_are_no_business_of_a_column_that_gets_it_alone(
    browser: Browser, client: Client, complaints: str
) -> None:
    fields = {
        **asked(BASE, complaints, **SHORT),
        "gets": ["all", "input"],
        "instruction": "About a {{product}}:",
        "input": "Where is my {{part}}?",
        "variables": "product = drill\npart = {{screw}} = 4 mm",
    }
    page = browser.submit(LAB, fields)
    expected = client.generate(
        BASE,
        StructuredPrompt(instruction="About a drill:", input="Where is my {{screw}} = 4 mm?"),
        max_new_tokens=6,
    )
    assert f'<p class="said">{escape(expected.text)}</p>' in page
    assert 'role="alert"' not in page.split('id="turns"')[1]

    page = browser.submit(LAB, {**fields, "variables": "product = drill\npart = x\nnowhere = y"}, 422)
    assert "nowhere" in text_of(page.split('id="turns"')[1])


def test_kept_rows_are_downloaded_or_stored_as_a_dataset(browser: Browser, client: Client) -> None:
    rows = [{"input": f"Row {number} “<b>”", "output": LABELS[number % 4]} for number in range(20)]
    kept = "\n".join(json.dumps(row) for row in rows)

    answer = browser.post(LAB, data=asked(do="download", kept=kept))
    assert [json.loads(line) for line in answer.text.splitlines()] == rows
    assert answer.headers["content-disposition"] == 'attachment; filename="rows.jsonl"'

    answer = browser.post(LAB, data=asked(do="upload", kept=kept, kept_name="Kept in the lab"), follow_redirects=False)
    assert answer.status_code == 303
    stored = client.list_dataset_rows(answer.headers["location"].removeprefix("/"))
    assert [{"input": row.input, "output": row.output} for row in stored] == rows


@pytest.fixture(scope="module")
def eleven(server: RunningServer, client: Client) -> str:
    """A dataset of one row more than the service is asked at once; the base model answers some as it has them."""
    inputs = [f"Complaint {number} about <b>parts</b>" for number in range(11)]
    answers = client.batch_generate(BASE, inputs, max_new_tokens=2)
    rows = (
        {"input": text, "output": answer.text.strip() if number % 2 else f"never {number}"}
        for number, (text, answer) in enumerate(zip(inputs, answers, strict=True))
    )
    return str(upload(server.stubs(), to_jsonl(rows), display_name="eleven").name)


def test_the_prompt_is_asked_over_rows_of_a_dataset(browser: Browser, client: Client, eleven: str) -> None:
    rows = client.list_dataset_rows(eleven)
    expected = [result.text for result in client.batch_generate(BASE, [row.input for row in rows], max_new_tokens=2)]
    right = sum(text.strip() == row.output for text, row in zip(expected, rows, strict=True))
    assert right >= 5
    fields = asked(BASE, "missing", do="over", gets="input", over=eleven, variables="x = 1", max_new_tokens="2")

    page = browser.submit(LAB, fields)

    assert f"{right} of 11 as the dataset has it, letter by letter." in text_of(page)
    assert "11 refused" in text_of(page)
    assert "<b>parts" not in page
    answers = re.findall(r'<td id="cell-[^"]*-0-(\d+)">.*?</svg><span>(.*?)</span>', page, re.S)
    assert answers == [(str(place), escape(text)) for place, text in enumerate(expected)]

    answer = browser.post(LAB, data=fields, headers=SCRIPT)
    parts = parts_of(answer.text.replace("data: ", ""))
    cells = [text_of(content) for target, content in parts.items() if re.search(r"^cell-.*-0-\d+$", target)]
    assert cells == [" ".join(text.split()) for text in expected]
    assert "11 refused" in next(content for target, content in parts.items() if re.search(r"^total-.*-1$", target))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"over": ""}, "Choose a dataset."),
        ({"over": "tenants/dev/datasets/none"}, "does not exist"),
        ({"over": "x", "temperature": "9"}, "Must be in (0, 2]"),
    ],
)
def test_a_run_over_rows_that_cannot_begin_names_the_field(
    browser: Browser, fields: dict[str, str], fault: str
) -> None:
    assert fault in text_of(browser.submit(LAB, asked(do="over", **fields), 422))


def test_values_that_multiply_become_no_code(browser: Browser) -> None:
    fields = asked(do="code:0", mode="freeform", text="{{a}}" * 2_000, variables=f"a = {'x' * 1_000}")

    page = browser.submit(LAB, fields, 422)

    assert "The prompt would have 2,000,000 characters with its variables" in text_of(page)


def test_models_and_datasets_of_another_tenant_look_like_missing_ones(
    browser: Browser, http: RunningHttp, server: RunningServer
) -> None:
    model = tuned_model(server, server.stubs())
    dataset = upload(server.stubs(), display_name="not for others").name
    with Browser(http, server.new_key("lab-other")) as other:
        path = "/tenants/lab-other/lab"
        page = other.submit(path, asked(model))
        assert "RESOURCE_NOT_FOUND" in page
        assert "not for others" not in page
        page = other.submit(path, asked(do="rows", dataset=dataset), 422)
        assert "does not exist" in text_of(page)
        assert "Sign in" in other.page(LAB)


def test_a_key_without_the_scope_is_offered_no_run(http: RunningHttp, server: RunningServer) -> None:
    path = "/tenants/lab-scopes/lab"
    with Browser(http, server.new_key("lab-scopes", [Scope.READ])) as reader:
        page = reader.page(path)
        assert "lacks the scope infer" in text_of(page)
        assert 'value="run"' not in page
        assert 'class="answer' not in reader.submit(path, asked())
    with Browser(http) as asker:
        key = server.new_key("lab-scopes", [Scope.INFER])
        asker.post("/sign-in", data={"api_key": key}, follow_redirects=False)
        page = asker.page(path)
        assert 'value="run"' in page
        assert 'value="upload"' not in page
        assert '<p class="said">' in asker.submit(path, asked(**SHORT))


def test_no_prompt_stands_in_an_address_and_no_other_site_can_ask(browser: Browser) -> None:
    assert 'action="/tenants/dev/lab"' in browser.page(LAB)
    assert 'method="get"' not in browser.page(LAB)
    assert "data-shows-refusals" in browser.page(LAB)  # else the script of all pages would drop its refusals
    for path in (LAB, f"{LAB}/tokens"):
        assert browser.post(path, data=asked(), headers={"sec-fetch-site": "cross-site"}).status_code == 403
