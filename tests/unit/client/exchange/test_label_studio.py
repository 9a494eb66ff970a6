"""Exports of Label Studio as rows, and rows as tasks."""

from __future__ import annotations

import io
import json

import pytest

from foreword.client.exchange.label_studio import is_label_studio, label_studio_records, write_tasks
from foreword.errors import InvalidArgumentError


def result(*choices, name="label", type="choices"):
    return {
        "from_name": name,
        "to_name": "text",
        "type": type,
        "value": {type if type == "choices" else "text": [*choices]},
    }


def annotation(*results, **values):
    return {"id": 1, "was_cancelled": False, "ground_truth": False, "result": [*results], **values}


def task(id, text, *annotations, **data):
    return {"id": id, "data": {"text": text, **data}, "annotations": [*annotations], "predictions": []}


def read(tmp_path, *tasks, input_column="", output_column=""):
    path, notes = tmp_path / "export.json", []
    path.write_text(json.dumps([*tasks]), encoding="utf-8")
    assert is_label_studio(path)
    records = label_studio_records(path, input_column=input_column, output_column=output_column, note=notes.append)
    return list(records), notes


def test_choices_become_labels_and_other_data_is_kept(tmp_path):
    records, notes = read(
        tmp_path,
        task(7, "Two screws are missing.", annotation(result("Warehouse", "Packaging")), ticket=12),
        task(8, "It broke.", annotation(result("Service"))),
    )

    assert records == [
        {"input": "Two screws are missing.", "ticket": 12, "output": "Warehouse, Packaging", "id": 7},
        {"input": "It broke.", "output": "Service", "id": 8},
    ]
    assert notes == []


def test_written_answers_and_taxonomies_become_outputs(tmp_path):
    taxonomy = {"from_name": "topic", "type": "taxonomy", "value": {"taxonomy": [["Parts", "Screws"], ["Returns"]]}}

    records, _ = read(
        tmp_path,
        task(1, "a", annotation(result("We are sorry.", type="textarea"))),
        task(2, "b", annotation(taxonomy)),
    )

    assert [record["output"] for record in records] == ["We are sorry.", "Screws, Returns"]


def test_tasks_without_an_output_keep_their_place_and_are_named(tmp_path):
    records, notes = read(
        tmp_path,
        task(1, "a"),
        task(2, "b", annotation(result("X")), annotation(result("Y"))),
        task(3, "c", annotation(result("X")), annotation(result("Y"), ground_truth=True)),
        task(4, "d", annotation(result("X"), was_cancelled=True)),
        task(5, "e", annotation(result("X")), annotation(result("X"))),
    )

    assert [record and record["output"] for record in records] == [None, None, "Y", None, "X"]
    assert notes[0].startswith("Task 2 is left out, because its annotations differ: 'X' and 'Y'. Mark the right one")
    assert notes[1:] == ["2 tasks have no annotation, and no row."]


def test_of_several_controls_each_is_a_column(tmp_path):
    both = annotation(result("good", name="mood"), result("Service", name="team"))

    (unset,), _ = read(tmp_path, task(1, "a", both, body="b"))
    (chosen,), _ = read(tmp_path, task(1, "a", both, body="b"), input_column="body", output_column="team")

    assert unset == {"input": "a", "body": "b", "mood": "good", "team": "Service", "id": 1}
    assert chosen == {"text": "a", "body": "b", "mood": "good", "team": "Service", "id": 1}


def test_the_short_export_is_read_too(tmp_path):
    about = {"annotator": 1, "annotation_id": 3, "lead_time": 2.5}

    records, _ = read(
        tmp_path,
        {"text": "a", "id": 1, "label": {"choices": ["X", "Y"]}, **about},
        {"text": "b", "id": 2, "label": "X", **about},
    )

    assert records == [{"input": "a", "output": "X, Y", "id": 1}, {"input": "b", "output": "X", "id": 2}]


def test_rows_that_are_written_are_read_back(tmp_path):
    rows = [("a", ["X", "Y"], {"ticket": 1}), ("b\n\N{SNOWMAN}", ["X"], {})]
    file = io.StringIO()

    assert write_tasks(file, iter(rows)) == 2

    records, _ = read(tmp_path, *json.loads(file.getvalue()))
    assert records == [{"input": "a", "ticket": 1, "output": "X, Y"}, {"input": "b\n\N{SNOWMAN}", "output": "X"}]


def test_long_exports_are_read_in_pieces(tmp_path):
    records, _ = read(tmp_path, *(task(n, "x" * 90_000, annotation(result("X"))) for n in range(12)))

    assert [record["id"] for record in records] == list(range(12))


@pytest.mark.parametrize("content", ['[{"annotations": [], "data"', '[{"annotations": [], "data": {}}, 7]', "[1 2"])
def test_an_export_that_is_cut_off_is_named(tmp_path, content):
    path = tmp_path / "export.json"
    path.write_text(content)

    with pytest.raises(InvalidArgumentError, match=r"export.json is not a whole export of Label Studio: .* Export"):
        list(label_studio_records(path, input_column="", output_column="", note=str))


def test_other_files_are_not_taken_for_exports(tmp_path):
    path = tmp_path / "rows.json"
    for content in ('[{"input": "a", "output": "data annotations"}]', '{"data": 1, "annotations": 2}', ""):
        path.write_text(content)
        assert not is_label_studio(path)


def test_many_tasks_with_different_annotations_are_counted(tmp_path):
    disputed = (
        task(n, "a", annotation(result("X")), annotation(result("X")), annotation(result("Y"))) for n in range(12)
    )

    records, notes = read(tmp_path, *disputed)

    assert records == [None] * 12
    assert notes[0].startswith("Task 0 is left out, because its annotations differ: 'X' and 'Y'.")
    assert notes[10:] == ["The annotations of 2 other tasks differ as well; there is no row for them."]


def test_annotations_of_an_unknown_form_have_no_output_and_raise_no_error(tmp_path):
    odd_taxonomy = {"type": "taxonomy", "from_name": "l", "value": {"taxonomy": 7}}

    records, notes = read(
        tmp_path,
        {"id": "\x1b[2J", "data": {"text": "a"}, "annotations": [annotation(result("X")), annotation(result("Y"))]},
        {"id": 2, "data": {"text": "b"}, "annotations": {"a": 1}},
        {"id": 3, "data": {"text": "c"}, "annotations": [annotation(odd_taxonomy)]},
    )

    assert records == [None, None, {"input": "c", "id": 3}]
    assert notes[0].startswith("Task \N{REPLACEMENT CHARACTER}[2J is left out")
    assert notes[1] == "1 task has no annotation, and no row."


def test_a_task_without_the_result_that_the_first_one_has_gets_no_other_column_as_its_output(tmp_path):
    about = {"annotator": 1, "annotation_id": 1}

    records, _ = read(
        tmp_path,
        {"text": "a", "ticket": "T-1", "id": 1, "team": "X", **about},
        {"text": "b", "ticket": "T-2", "id": 2, **about},
    )

    assert [record.get("output") for record in records] == ["X", None]
    assert records[1]["ticket"] == "T-2"
