"""RowReader: properties that hold for all bytes and all ways to cut them."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.data import csv_records, json_array, lines, record
from foreword.data.reader import RowReader
from foreword.data.record import MAX_ROW_BYTES
from foreword.domain.dataset import Row
from foreword.domain.report import Finding

FORMATS = ["", "jsonl", "json", "csv"]

# Bytes in which quotes, braces and line ends are frequent, so that all branches are taken.
PIECES = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b" ",
    b"\xff",
    b"\x00",
    b"\xef\xbb\xbf",
]
TOKENS = [b'{"input": "a", "output": "b"}', b'"input"', b'"output":', b"input,output\n", b"a,b\n", b'"a","b"\n']
TOKENS += [b'{\n  "input": "a",\n  "output": "b"\n}\n', b'{"data": [', b"sep=;\n", b', "a"', b"]}", b"{}"]
TOKENS += [
    b'"{\\"input\\": \\"\\ud83d\\ude00\\", \\"output\\": \\"b\\"}\\n',
    b"prompt,completion\n",
    "a\n".encode("utf-16"),
]
awkward_bytes = st.lists(st.sampled_from(PIECES + TOKENS), max_size=40).map(b"".join)
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return (data[start:end] for start, end in pairwise(bounds))


def read(chunks: Iterator[bytes], format: str = "") -> tuple[list[Row | Finding], int, str]:
    reader = RowReader(format)
    items = [item for chunk in chunks for item in reader.feed(chunk)]
    items += reader.finish()
    return items, reader.row_count, reader.format


@given(data=st.binary(max_size=200) | awkward_bytes, format=st.sampled_from(FORMATS))
@settings(max_examples=examples(300))
def test_no_bytes_raise_and_byte_by_byte_gives_the_same(data: bytes, format: str) -> None:
    whole = read(iter([data]), format)

    assert read((bytes([byte]) for byte in data), format) == whole


@given(data=awkward_bytes, places=st.lists(st.integers(0, 1000)), format=st.sampled_from(FORMATS))
@settings(max_examples=examples(300))
def test_where_chunks_end_makes_no_difference(data: bytes, places: list[int], format: str) -> None:
    assert read(cut(data, places), format) == read(iter([data]), format)


@pytest.fixture
def small_rows() -> Iterator[None]:
    """Lets a row hold 40 bytes only, so that Hypothesis reaches what lies beyond the limit."""
    modules = (record, lines, json_array, csv_records)
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(module, "MAX_ROW_BYTES", 40)
        yield


@pytest.mark.usefixtures("small_rows")
def test_where_chunks_end_makes_no_difference_to_rows_over_the_limit() -> None:
    @given(data=awkward_bytes, places=st.lists(st.integers(0, 1000)), format=st.sampled_from(FORMATS[1:]))
    @settings(max_examples=examples(500))
    def check(data: bytes, places: list[int], format: str) -> None:
        if format == "csv":
            data = b"input,output\n" + data
        assert read(cut(data, places), format) == read(iter([data]), format)

    check()


@given(pairs=st.lists(st.tuples(texts, texts), min_size=1), ascii=st.booleans(), indent=st.sampled_from([None, 2]))
def test_what_the_json_module_writes_is_read_back(
    pairs: list[tuple[str, str]], ascii: bool, indent: int | None
) -> None:
    objects = [{"input": input, "output": output} for input, output in pairs]
    array = json.dumps(objects, ensure_ascii=ascii, indent=indent).encode()
    jsonl = "\n".join(json.dumps(value, ensure_ascii=ascii) for value in objects).encode()
    rows = [Row(number=number, input=pair[0], output=pair[1]) for number, pair in enumerate(pairs, 1)]

    assert read(iter([array])) == (rows, len(rows), "json")
    assert read(iter([jsonl])) == (rows, len(rows), "jsonl")


@given(
    pairs=st.lists(st.tuples(texts, texts)),
    places=st.lists(st.integers(0, 1000)),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_the_csv_module_writes_is_read_back(
    pairs: list[tuple[str, str]], places: list[int], delimiter: str, end: str
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("input", "output"), *pairs])
    rows = [Row(number=number, input=pair[0], output=pair[1]) for number, pair in enumerate(pairs, 1)]

    assert read(cut(file.getvalue().encode(), places), "csv") == (rows, len(rows), "csv")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"", b'{"input": "%s", "output": "b"}\n' % (b"x" * 1000)),
        (b"[", b'{"input": "%s", "output": "b"},' % (b"x" * 1000)),
        (b"input,output\n", b'"%s",b\n' % (b"x" * 1000)),
        (b'{"input": "', b"x" * 1000),
        (b'[{"input": "', b"[" * 1000),
        (b'input,output\n"', b"x" * 1000),
        (b'input,output\n"', b"x\n" * 500),
        (b"", b" " * 1000),
    ],
    ids=["jsonl", "json", "csv", "endless line", "endless element", "endless line of csv", "endless quote", "blank"],
)
def test_ten_megabytes_are_read_in_the_memory_of_a_few_rows(head: bytes, body: bytes) -> None:
    reader = RowReader()
    chunk = body * (65536 // len(body))
    tracemalloc.start()
    try:
        for _ in reader.feed(head):
            pass
        for _ in range(10_000_000 // len(chunk)):
            for _ in reader.feed(chunk):
                pass
        for _ in reader.finish():
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 6 * MAX_ROW_BYTES
