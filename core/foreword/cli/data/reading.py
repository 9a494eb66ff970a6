"""The rows of a file that can be read, without any checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from foreword.data.findings import FindingCollector
from foreword.data.reader import RowReader
from foreword.domain.dataset import Row
from foreword.domain.report import Finding


def readable_rows(
    chunks: Iterable[bytes], findings: FindingCollector, *, input_column: str = "", output_column: str = ""
) -> Iterator[Row]:
    """Yield the rows of a file with their other columns, and collect what is wrong with the others."""
    reader = RowReader(keep_others=True, input_column=input_column, output_column=output_column)

    def items() -> Iterator[Row | Finding]:
        for chunk in chunks:
            yield from reader.feed(chunk)
        yield from reader.finish()

    for item in items():
        if isinstance(item, Finding):
            findings.add(item)
        else:
            yield item
