import json
from dataclasses import fields

import pytest

from foreword.client import PromptExample, Row, StructuredPrompt, TaskOptions, TuneParameters, decode_values, encode
from foreword.client.experiments import ParameterValues
from foreword.errors import InvalidArgumentError


def read(chunks):
    return [json.loads(line) for line in b"".join(chunks()).splitlines()]


def test_unset_parameters_stay_unset_and_set_ones_come_back():
    parameters = TuneParameters(num_epochs=3, learning_rate=0.5, keep_best=False, method_parameters={"a": 1.0})

    assert decode_values.tune_parameters(encode.tune_parameters(parameters)) == parameters


@pytest.mark.parametrize(
    "options", [TaskOptions(), TaskOptions(labels=("a", "b"), multi_label=False, separator="; ", extra={"k": "v"})]
)
def test_task_options_come_back(options):
    assert decode_values.task_options(encode.task_options(options)) == options


def test_tune_takes_every_parameter_as_a_keyword():
    names = {item.name for item in fields(TuneParameters)} - {"method_parameters"}

    assert set(ParameterValues.__annotations__) == names


@pytest.mark.parametrize("value", ["many", 2**40])
def test_a_parameter_of_the_wrong_type_or_size_is_an_invalid_argument(value):
    with pytest.raises(InvalidArgumentError, match=r"tune_experiment\.parameters"):
        encode.tune_parameters(TuneParameters(num_epochs=value))


def test_a_structured_prompt_keeps_its_parts():
    prompt = StructuredPrompt(instruction="do", examples=(PromptExample(input="a", output="b"),), input="c")

    message = encode.prompt(prompt)["structured"]

    assert (message.instruction, message.input, message.examples[0].output) == ("do", "c", "b")
    assert message.input_prefix == "Input: "


def test_an_unknown_decoding_method_names_those_there_are():
    values = dict.fromkeys(
        ["temperature", "top_p", "top_k", "random_seed", "min_new_tokens", "max_new_tokens", "include_stop_sequence"]
    )

    with pytest.raises(InvalidArgumentError, match="greedy or sample"):
        encode.generate_parameters(decoding_method="beam", stop_sequences=(), **values)


def test_rows_are_sent_as_they_are_so_that_the_service_can_name_their_faults():
    rows = [{"input": "ä", "output": None, "extra": 1}, {}]

    assert read(encode.chunks(rows)) == rows


def test_rows_of_the_client_and_of_files_and_bytes_can_be_sent(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"input": "a", "output": "b"}\n')
    rows = [{"input": "a", "output": "b"}]

    assert read(encode.chunks([Row(number=1, input="a", output="b")])) == rows
    assert read(encode.chunks(path)) == read(encode.chunks(path.read_bytes())) == rows
    assert encode.display_name(path) == "rows"


def test_a_generator_of_rows_can_be_sent_twice():
    chunks = encode.chunks(row for row in [{"input": "a", "output": "b"}])

    assert list(chunks()) == list(chunks())


def test_a_large_file_is_sent_in_chunks(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x" * (2 * encode.CHUNK_BYTES + 1))

    assert [len(chunk) for chunk in encode.chunks(path)()] == [encode.CHUNK_BYTES, encode.CHUNK_BYTES, 1]


def test_a_file_that_is_not_there_is_an_invalid_argument(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"gone\.jsonl cannot be read"):
        encode.chunks(tmp_path / "gone.jsonl")


def test_a_value_that_is_no_text_or_number_is_an_invalid_argument():
    with pytest.raises(InvalidArgumentError, match="write it as text"):
        encode.chunks([{"input": object(), "output": "b"}])


def test_half_a_character_in_a_row_is_sent_so_that_the_service_can_name_the_row():
    rows = [{"input": "ä", "output": "b"}, {"input": "a\udcff", "output": "b"}]

    assert read(encode.chunks(rows)) == rows
