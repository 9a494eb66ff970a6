"""Parquet files and folders of Hugging Face datasets."""

from __future__ import annotations

import json
import sys

import pytest

from foreword.client.exchange.arrow_tables import table_records, write_dataset_folder, write_parquet
from foreword.client.exchange.row_source import source_chunks
from foreword.errors import FailedPreconditionError, InvalidArgumentError

ROWS = [["a", "x"], ["b\n\N{SNOWMAN}", "y"]]
RECORDS = [{"input": "a", "output": "x"}, {"input": "b\n\N{SNOWMAN}", "output": "y"}]
CLASSES = {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}


def test_without_pyarrow_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    for module in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(FailedPreconditionError, match=r"need pyarrow. Install it with: pip install .*parquet"):
        write_parquet(tmp_path / "rows.parquet", ["input"], [["a"]])
    with pytest.raises(FailedPreconditionError, match="need pyarrow"):
        list(table_records(tmp_path / "rows.parquet"))


pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")


def arrow_folder(folder, table, features):
    folder.mkdir(parents=True)
    with (
        pyarrow.OSFile(str(folder / "data-0.arrow"), "wb") as file,
        pyarrow.ipc.new_stream(file, table.schema) as writer,
    ):
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-0.arrow"}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


def parquet(path, values):
    import pyarrow.parquet

    path.parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(values), path)


def test_what_is_written_is_read_back(tmp_path):
    assert write_parquet(tmp_path / "rows.parquet", ["input", "output"], ROWS) == 2
    assert write_dataset_folder(tmp_path / "rows", ["input", "output"], ROWS * 1500) == 3000

    assert list(table_records(tmp_path / "rows.parquet")) == RECORDS
    assert list(table_records(tmp_path / "rows")) == RECORDS * 1500


def test_classes_become_their_names_and_lists_are_joined(tmp_path):
    features = {**CLASSES, "topics": {"feature": CLASSES["label"], "_type": "List"}}
    values = {"text": ["a", "b"], "label": [1, -1], "topics": [[0, 1], []], "tags": [["t", "u"], ["t"]]}

    folder = arrow_folder(tmp_path / "train", pyarrow.table(values), features)

    assert list(table_records(folder)) == [
        {"text": "a", "label": "good", "topics": "bad, good", "tags": "t, u"},
        {"text": "b", "label": None, "topics": [], "tags": "t"},
    ]


def test_names_of_classes_in_the_metadata_of_a_file_count(tmp_path):
    import pyarrow.parquet

    metadata = {"huggingface": json.dumps({"info": {"features": CLASSES}})}
    table = pyarrow.table({"text": ["a"], "label": [0]}).replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")

    assert list(table_records(tmp_path / "rows.parquet")) == [{"text": "a", "label": "bad"}]


def test_values_that_json_does_not_have_are_texts_or_left_out(tmp_path):
    from datetime import date

    parquet(tmp_path / "rows.parquet", {"day": [date(2026, 1, 2)], "score": [float("nan")], "picture": [b"\x89PNG"]})

    (chunk,) = source_chunks(tmp_path / "rows.parquet")
    assert json.loads(chunk) == {"day": "2026-01-02", "score": None}


def test_one_split_of_a_folder_is_read(tmp_path):
    for split in ("train", "test"):
        arrow_folder(tmp_path / "saved" / split, pyarrow.table({"text": [split]}), {})
        parquet(tmp_path / "hub" / f"{split}-00000-of-00001.parquet", {"text": [split]})
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')

    for folder in (tmp_path / "saved", tmp_path / "hub"):
        assert list(table_records(folder)) == [{"text": "train"}]
        assert list(table_records(folder, split="test")) == [{"text": "test"}]
        with pytest.raises(InvalidArgumentError, match="has no split 'dev'; its splits are: t"):
            list(table_records(folder, split="dev"))


def test_what_is_no_dataset_is_named(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidArgumentError, match=r"rows.parquet cannot be read: .*Write it again"):
        list(table_records(tmp_path / "rows.parquet"))
    with pytest.raises(InvalidArgumentError, match="has neither Parquet files nor what"):
        list(table_records(tmp_path / "empty"))


def test_texts_that_are_not_utf8_are_a_fault_of_the_file(tmp_path):
    places, content = pyarrow.array([0, 3], pyarrow.int32()).buffers()[1], pyarrow.py_buffer(b"\xff\xfe\xfd")
    parquet(
        tmp_path / "rows.parquet", {"input": pyarrow.Array.from_buffers(pyarrow.string(), 1, [None, places, content])}
    )

    with pytest.raises(InvalidArgumentError, match=r"rows.parquet cannot be read: 'utf-8' codec .* Write it again"):
        list(table_records(tmp_path / "rows.parquet"))


@pytest.mark.parametrize("state", [{"_data_files": 7}, {"_data_files": [{"name": "x"}, 1]}])
def test_a_state_file_that_names_no_files_has_no_rows(tmp_path, state):
    (tmp_path / "state.json").write_text(json.dumps(state))

    assert list(table_records(tmp_path)) == []
