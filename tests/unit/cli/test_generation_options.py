from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from foreword.client.keywords import GenerateKeywords, generate_keywords, generate_values
from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.domain.inference import LengthPenalty, ReturnOptions
from foreword.v1 import inference_pb2

PROTO = (Path(__file__).parents[3] / "proto" / "foreword" / "v1" / "inference.proto").read_text(encoding="utf-8")


def test_the_client_takes_what_values_by_path_become():
    values = {
        "temperature": 1.7,
        "time_limit": 1.5,
        "length_penalty.decay_factor": 1.1,
        "length_penalty.start_index": 4,
        "return_options.token_ranks": True,
    }

    keywords = generate_keywords(values)

    assert keywords == {
        "temperature": 1.7,
        "time_limit": timedelta(seconds=1.5),
        "length_penalty": LengthPenalty(decay_factor=1.1, start_index=4),
        "return_options": ReturnOptions(token_ranks=True),
    }
    assert generate_values(keywords) == {**values, "return_options.top_n_tokens": 0}


def test_every_parameter_of_the_api_describes_itself_and_no_other_does():
    paths = []
    for field in inference_pb2.GenerateParameters.DESCRIPTOR.fields:
        parts = field.message_type.fields if field.message_type and field.name != "time_limit" else ()
        paths += [f"{field.name}.{part.name}" for part in parts] or [field.name]

    assert [spec.name for spec in GENERATE_PARAMETER_SPECS] == paths
    assert {path.split(".")[0] for path in paths} == set(GenerateKeywords.__annotations__)


@pytest.mark.parametrize(
    "spec", [spec for spec in GENERATE_PARAMETER_SPECS if spec.maximum is not None], ids=lambda spec: spec.name
)
def test_a_range_is_the_one_that_the_api_promises(spec):
    name = spec.name.rpartition(".")[2]
    comment = re.search(rf"((?:  //.*\n)+)  (?:optional )?[\w.]+ {name} =", PROTO)
    assert comment, f"{name} is no field"
    low, high = f"{spec.minimum:g}", f"{spec.maximum:g}"
    if name == "random_seed":
        high = "2^32"
    if name == "time_limit":
        low, high = "1 ms", "1 h"
    opening = "(" if spec.exclusive_minimum else "["
    assert f"Range {opening}{low}, {high}" in " ".join(comment[1].replace("//", "").split())
