"""The time, the memory and the recall of the search for nearly equal inputs.

    python tests/benchmarks/near_duplicates.py [--rows 1000000] [--kinds complaints equal numbered template half long]
    python tests/benchmarks/near_duplicates.py --files complaints.jsonl reviews.json

Each kind of rows is written to a file as the checks store them, and searched in a process of its own. Time is processor
time, also stated as a ratio to hashing the same rows (BLAKE2b of each input, read from the same file). In `complaints`,
1 row in 100 is a near-duplicate of another one, in turns by case, punctuation, a typing error, a greeting and another
word; the recall is the share of these that is found. The other kinds are hostile: they fill few keys of the index.

With `--files`, it prints what is found in files instead, to be judged by a person.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from foreword.data.reader import RowReader
from foreword.data.row_file import RowFile
from foreword.data.rows import write_row
from foreword.domain.dataset import Row
from foreword.plugin.interfaces import ValidationContext
from foreword_validators.near_duplicates import NearDuplicates
from foreword_validators.near_inputs.rows import NearRows

_LETTERS: Final = "etaoinshrdlucmfwyp"
_LABELS: Final = ("Service", "Packaging", "Warehouse", "Planning")
_WAYS: Final = ("case", "punctuation", "typing error", "greeting", "other word")
_PLANTED: Final = 100
_SHARED_WORDS: Final = ("the", "parcel", "was", "left", "in", "the", "rain", "and", "the", "lid", "is", "broken")
_LONG_WORDS: Final = 16_000


def _vocabulary(source: random.Random, size: int) -> list[str]:
    return ["".join(source.choices(_LETTERS, k=source.randint(2, 9))) for _ in range(size)]


def _changed(source: random.Random, words: list[str], vocabulary: list[str], way: str) -> str:
    """Return a text that nearly repeats another one."""
    words = list(words)
    place = source.randrange(1, len(words))
    if way == "case":
        return " ".join(words).upper()
    if way == "punctuation":
        return " ".join(words).replace(" ", ", ", 1) + "!!"
    if way == "typing error":
        words[place] += "x"
    elif way == "greeting":
        words = ["Hello,", *words, "Thanks."]
    else:
        words[place] = source.choice(vocabulary)
    return " ".join(words)


def complaints(count: int) -> Iterator[tuple[str, str]]:
    """Yield texts of 8 to 35 words, of which some are as frequent as in a language, and the way each was planted."""
    source = random.Random(1)
    vocabulary = _vocabulary(source, 20_000)
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    totals = [0.0]
    for weight in weights:
        totals.append(totals[-1] + weight)
    before: list[str] = []
    for number in range(count):
        if number % _PLANTED == _PLANTED - 1:
            way = _WAYS[number // _PLANTED % len(_WAYS)]
            yield _changed(source, before, vocabulary, way), way
        else:
            words = source.choices(vocabulary, cum_weights=totals[1:], k=source.randint(8, 35))
            before = words
            yield " ".join(words), ""


def equal(count: int) -> Iterator[tuple[str, str]]:
    """Yield the same text."""
    for _ in range(count):
        yield "The parcel was left in the rain and the lid of the box is broken.", ""


def numbered(count: int) -> Iterator[tuple[str, str]]:
    """Yield texts that differ in a number only."""
    for number in range(count):
        yield f"My order {number} from last week did not arrive, please send it again or refund me.", ""


def template(count: int) -> Iterator[tuple[str, str]]:
    """Yield texts of the same 20 words in another order."""
    source = random.Random(2)
    vocabulary = _vocabulary(source, 20)
    for _ in range(count):
        yield " ".join(source.choices(vocabulary, k=20)), ""


def half(count: int) -> Iterator[tuple[str, str]]:
    """Yield texts of which 3 in 4 words are the same, so that all are candidates and none are nearly equal."""
    source = random.Random(3)
    vocabulary = _vocabulary(source, 20_000)
    for _ in range(count):
        words = list(_SHARED_WORDS)
        for place in (1, 4, 7, 10):
            words.insert(source.randrange(place), source.choice(vocabulary))
        yield " ".join(words), ""


def long(count: int) -> Iterator[tuple[str, str]]:
    """Yield rows of 100 KB, 2,000 of which are as many as a file can have, with 3 in 4 words the same."""
    source = random.Random(4)
    vocabulary = _vocabulary(source, 20_000)
    shared = source.choices(vocabulary, k=_LONG_WORDS)
    for _ in range(min(count, 2_000)):
        words = list(shared)
        for word in source.choices(vocabulary, k=_LONG_WORDS // 4):
            words[source.randrange(len(words))] = word
        yield " ".join(words), ""


KINDS: Final[dict[str, Callable[[int], Iterator[tuple[str, str]]]]] = {
    "complaints": complaints,
    "equal": equal,
    "numbered": numbered,
    "template": template,
    "half": half,
    "long": long,
}


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _hashed(rows: RowFile) -> float:
    """Return the processor time of hashing each input."""
    begin = time.process_time()
    seen = {blake2b(row.input.encode(), digest_size=8).digest() for row in rows}
    assert seen
    return time.process_time() - begin


def measure(kind: str, count: int) -> None:
    """Search rows of one kind and print the figures."""
    planted: dict[int, str] = {}
    with tempfile.TemporaryFile() as file:
        for place, (text, way) in enumerate(KINDS[kind](count)):
            # A planted row has the output of the row that it nearly repeats.
            label = _LABELS[(place - bool(way)) % len(_LABELS)]
            file.write(write_row(Row(number=place + 1, input=text, output=label)))
            if way:
                planted[place] = way
        size = file.tell()
        file.seek(0)
        rows = RowFile(file)
        before = _mebibytes()
        wall, begin = time.perf_counter(), time.process_time()
        found = NearRows(rows, str.strip, labels=True)
        places = set(found.repeats_N.tolist())
        contradictions = sum(1 for _ in found.contradictions())
        seconds, wall = time.process_time() - begin, time.perf_counter() - wall
        peak = _mebibytes()
        print(
            f"{kind}: {len(rows):,} rows, {size / 1e6:.0f} MB: {seconds:.1f} s of one processor ({wall:.1f} s), "
            f"{1e6 * seconds / len(rows):.0f} us a row, {seconds / _hashed(rows):.1f} x hashing; "
            f"{peak - before:.0f} MiB more ({before:.0f} before); "
            f"{len(places):,} repeats, {contradictions:,} contradictions{'' if found.is_complete else ', incomplete'}"
        )
        if planted:
            ways = Counter(planted.values())
            hits = Counter(way for place, way in planted.items() if place in places)
            print("  recall: " + ", ".join(f"{way} {hits[way] / ways[way]:.4f}" for way in _WAYS))
            print(f"  rows found that were not planted: {len(places - planted.keys()):,}", flush=True)


def judge(path: Path) -> None:
    """Print what is found in a file."""
    reader = RowReader()
    rows = [item for item in (*reader.feed(path.read_bytes()), *reader.finish()) if isinstance(item, Row)]
    check = NearDuplicates().start(ValidationContext(task="", near_duplicates=True))
    assert check is not None
    found = list(check.review(rows))
    print(f"{path}: {len(rows):,} rows, {len(found):,} findings")
    for finding in found:
        print(f"  {finding.severity.name} {finding.code}: {finding.message}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--files", nargs="+", type=Path, default=[])
    arguments = parser.parse_args()
    for path in arguments.files:
        judge(path)
    if arguments.files:
        return
    for kind in arguments.kinds:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(kind, arguments.rows))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
