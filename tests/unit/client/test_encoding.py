from dataclasses import fields
from datetime import timedelta

import pytest

from foreword.client import (
    LengthPenalty,
    PromptExample,
    ReturnOptions,
    StructuredPrompt,
    TaskOptions,
    TuneParameters,
    decode_values,
    encode,
)
from foreword.client.keywords import GenerateKeywords, TuneKeywords
from foreword.errors import InvalidArgumentError
from foreword.v1 import inference_pb2


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

    assert set(TuneKeywords.__annotations__) == names


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
    with pytest.raises(InvalidArgumentError, match="greedy or sample"):
        encode.generate_parameters({"decoding_method": "beam"})


def test_generate_takes_every_parameter_of_the_api_as_a_keyword():
    assert list(GenerateKeywords.__annotations__) == list(inference_pb2.GenerateParameters.DESCRIPTOR.fields_by_name)


def test_a_generation_parameter_that_does_not_exist_is_a_type_error_with_those_that_do():
    with pytest.raises(TypeError, match=r"'tempature' is not a generation parameter; use one of .*temperature"):
        encode.generate_parameters({"tempature": 1.0})


def test_parts_of_the_parameters_are_sent_as_messages_and_checked_as_such():
    message = encode.generate_parameters(
        {
            "length_penalty": LengthPenalty(decay_factor=1.1, start_index=3),
            "return_options": ReturnOptions(generated_tokens=True, top_n_tokens=2),
            "time_limit": timedelta(seconds=1.5),
        }
    )

    assert (message.length_penalty.decay_factor, message.length_penalty.start_index) == (1.1, 3)
    assert (message.return_options.generated_tokens, message.return_options.top_n_tokens) == (True, 2)
    assert message.time_limit.ToTimedelta() == timedelta(seconds=1.5)
    with pytest.raises(InvalidArgumentError, match=r"parameters\.length_penalty: must be a LengthPenalty"):
        encode.generate_parameters({"length_penalty": 1.1})


def test_every_prompt_of_a_batch_has_its_variables():
    requests = encode.batch(["Hello {{name}}", StructuredPrompt(input="{{name}}")], [{"name": "A"}, {"name": "B"}])

    assert [dict(request.prompt_variables) for request in requests] == [{"name": "A"}, {"name": "B"}]
    with pytest.raises(InvalidArgumentError, match="one mapping for each of 2 prompts, not 1"):
        encode.batch(["a", "b"], [{"name": "A"}])
