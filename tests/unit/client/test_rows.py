import json

import pandas as pd
import pytest

from factories.pipes import named_pipe
from foreword.client import Row
from foreword.client.rows import CHUNK_BYTES, RowsLeftOutWarning, chunks, default_name
from foreword.errors import InvalidArgumentError


def read(start):
    return [json.loads(line) for line in b"".join(start()).splitlines() if line]


def test_rows_are_sent_as_they_are_so_that_the_service_can_name_their_faults():
    rows = [{"input": "ä", "output": None, "extra": 1}, {}]

    assert read(chunks(rows)) == rows


def test_rows_of_the_client_and_of_files_and_bytes_can_be_sent(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"input": "a", "output": "b"}\n')
    rows = [{"input": "a", "output": "b"}]

    assert read(chunks([Row(number=1, input="a", output="b")])) == rows
    assert read(chunks(path)) == read(chunks(path.read_bytes())) == rows
    assert default_name(path) == "rows"


def test_all_columns_of_an_unlabelled_frame_are_sent_as_json_has_them():
    frame = pd.DataFrame(
        {
            "time": [pd.Timestamp("2026-01-31"), None],
            "id": [1, 2],
            "input": ["a", "b"],
            "weight": [0.5, float("inf")],
            "tags": [["x"], None],
        }
    )

    assert read(chunks(frame, unlabelled=True)) == [
        {"time": "2026-01-31 00:00:00", "id": 1, "weight": 0.5, "tags": "['x']", "input": "a"},
        {"time": None, "id": 2, "weight": "inf", "tags": None, "input": "b"},
    ]


def test_rows_of_an_unlabelled_dataset_are_sent_with_their_other_fields():
    row = Row(number=1, input="a", output="", fields='{"id": 7}')

    assert read(chunks([row], unlabelled=True)) == [{"id": 7, "input": "a", "output": ""}]


def test_a_generator_of_rows_can_be_sent_twice():
    start = chunks(row for row in [{"input": "a", "output": "b"}])

    assert list(start()) == list(start())


def test_pairs_of_input_and_output_are_rows():
    assert read(chunks([("a", "b"), ["c", "d"]])) == [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]


def test_a_frame_is_sent_by_its_two_columns_with_none_for_empty_cells():
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]),
            "output": [1, 0, None],
            "input": pd.array(["a", None, "c"], dtype="string"),
        }
    )

    assert read(chunks(frame)) == [
        {"input": "a", "output": 1.0},
        {"input": None, "output": 0.0},
        {"input": "c", "output": None},
    ]
    assert default_name(frame) == "dataset"


def test_a_frame_of_whole_numbers_and_categories_keeps_them():
    frame = pd.DataFrame({"input": ["a", "b"], "output": [1, 0]})
    categories = frame.assign(output=pd.Categorical(["x", "y"]))

    assert [row["output"] for row in read(chunks(frame))] == [1, 0]
    assert [row["output"] for row in read(chunks(categories))] == ["x", "y"]


@pytest.mark.parametrize("columns", [["text", "label"], ["input", "label"], ["input", "output", "output"]])
def test_a_frame_without_the_two_columns_is_refused_with_those_that_it_has(columns):
    frame = pd.DataFrame([["a"] * len(columns)], columns=columns)

    with pytest.raises(InvalidArgumentError, match=f"its columns are {', '.join(columns)}"):
        chunks(frame)


@pytest.mark.parametrize("row", ["ab", ("a",), ("a", "b", "c"), 7])
def test_what_is_no_row_is_named_by_its_number(row):
    with pytest.raises(InvalidArgumentError, match=r"rows\[2\]: must be a mapping with input and output, or a pair"):
        chunks([("a", "b"), row])


def test_a_large_file_is_sent_in_chunks(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x" * (2 * CHUNK_BYTES + 1))

    assert [len(chunk) for chunk in chunks(path)()] == [CHUNK_BYTES, CHUNK_BYTES, 1]


def test_a_pipe_can_be_sent_twice(tmp_path):
    content = b"".join(b"%07d\n" % number for number in range(CHUNK_BYTES // 4))

    with named_pipe(tmp_path, content) as path:
        start = chunks(path)
        broken_off = start()
        next(broken_off)

        assert b"".join(start()) == content
        assert b"".join(start()) == content
        assert b"".join(broken_off) == content[CHUNK_BYTES:]


def test_a_file_that_is_not_there_is_an_invalid_argument(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"gone\.jsonl cannot be read"):
        chunks(tmp_path / "gone.jsonl")


def test_a_value_that_is_no_text_or_number_is_an_invalid_argument():
    with pytest.raises(InvalidArgumentError, match="convert it to text"):
        chunks([{"input": object(), "output": "b"}])


def test_half_a_character_in_a_row_is_sent_so_that_the_service_can_name_the_row():
    rows = [{"input": "ä", "output": "b"}, {"input": "a\udcff", "output": "b"}]

    assert read(chunks(rows)) == rows


def test_tasks_without_a_row_are_warned_of_once_and_the_control_can_be_named(tmp_path):
    chosen = {"result": [{"type": "choices", "from_name": "team", "value": {"choices": ["X"]}}]}
    tasks = [{"data": {"text": "a\ud83d"}, "annotations": [chosen]}, {"data": {"text": "b"}, "annotations": []}]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks))

    start = chunks(path, output_column="team")
    with pytest.warns(RowsLeftOutWarning, match="1 task has no annotation, and no row") as warned:
        assert read(start) == read(start) == [{"input": "a\ud83d", "team": "X"}]

    assert len(warned) == 1
