"""The lab's state and commands, which need no service."""

from __future__ import annotations

import pytest

from foreword.cli.lab.commands import CHANGES, Line, changed, parse_line
from foreword.cli.lab.state import LabState
from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.errors import InvalidArgumentError

START = LabState(model="complaints", against="baseModels/starter")


def after(*lines: str) -> LabState:
    state = START
    for line in lines:
        state = changed(state, parse_line(line))
    return state


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("  Two screws.\n", Line(command="", argument="Two screws.")),
        ("/set top_k 3", Line(command="set", argument="top_k 3")),
        ("/help", Line(command="help", argument="")),
        ("//etc is a path", Line(command="", argument="/etc is a path")),
        (r"Comment: x\nSatisfaction:\n", Line(command="", argument="Comment: x\nSatisfaction:\n")),
        ("", Line(command="", argument="")),
    ],
)
def test_a_line_is_a_command_or_a_text(typed: str, line: Line):
    assert parse_line(typed) == line


def test_instruction_and_examples_go_in_front_of_the_text():
    state = after("/instruction Route it.", "/example Late. => Service", "/example Broken. => Warehouse")

    assert state.prompt("complaints", "Hi") == StructuredPrompt(
        instruction="Route it.",
        examples=(PromptExample(input="Late.", output="Service"), PromptExample(input="Broken.", output="Warehouse")),
        input="Hi",
    )
    assert after("/example a => b", "/example c => d", "/forget 1").examples[0].input == "c"
    assert after("/example a => b", "/forget").examples == ()


def test_a_text_is_sent_as_it_is_in_free_mode_and_without_anything_in_front():
    assert after("/instruction Route it.", "/mode free").prompt("complaints", "Hi") == "Hi"
    assert START.prompt("complaints", "Hi") == "Hi"


def test_only_the_model_compared_with_gets_the_instruction_when_the_other_is_bare():
    state = after("/instruction Route it.", "/bare on")

    assert state.prompt("complaints", "Hi") == "Hi"
    assert isinstance(state.prompt("baseModels/starter", "Hi"), StructuredPrompt)


def test_parameters_are_set_by_name_and_left_again():
    state = after(
        "/set decoding_method sample", "/set temperature 1.7", "/set top_k 100", r"/set stop_sequences \n | .",
        "/set length_penalty.decay_factor 1.1", "/set include_stop_sequence on",
    )  # fmt: skip

    assert state.parameters == {
        "decoding_method": "sample",
        "temperature": 1.7,
        "top_k": 100,
        "stop_sequences": ("\n", "."),
        "length_penalty.decay_factor": 1.1,
        "include_stop_sequence": True,
    }
    assert "top_k" not in changed(state, parse_line("/unset top_k")).parameters
    assert changed(state, parse_line("/unset")).parameters == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/set temperature 3", r"temperature: must be in \(0, 2\], not 3"),
        ("/set temperature 0", r"temperature: must be in \(0, 2\], not 0"),
        ("/set top_k many", "top_k: must be a whole number, not 'many'"),
        ("/set decoding_method beam", "decoding_method: must be one of greedy, sample"),
        ("/set include_stop_sequence yes", "include_stop_sequence: must be on or off, not 'yes'"),
        ("/set warmth 3", "warmth: is not a parameter; use one of decoding_method, temperature"),
        ("/set temprature 1", r"Did you mean 'temperature'\?"),
        ("/unset temprature", r"Did you mean 'temperature'\?"),
        ("/unset warmth", "warmth: is not a parameter"),
        ("/example nothing", "example: must be INPUT => OUTPUT"),
        ("/forget 2", "forget: must be the number of an example"),
        ("/mode loose", "mode: must be structured or free"),
        ("/juggle", "/juggle: is not a command; /help lists the commands"),
        ("/model", "model: needs the name of a model"),
    ],
)
def test_what_is_wrong_is_named_with_the_remedy(line: str, said: str):
    with pytest.raises(InvalidArgumentError, match=said):
        after(line)


def test_tokens_are_shown_and_hidden_without_touching_other_parameters():
    shown = after("/set top_k 3", "/tokens on")

    assert shown.parameters["return_options.generated_tokens"] is True
    assert changed(shown, parse_line("/tokens off")).parameters == {"top_k": 3}


def test_variables_models_and_comparison_are_changed():
    state = after("/variable who Ann Lee", "/model other", "/against none")

    assert (state.variables, state.model, state.against, state.models) == ({"who": "Ann Lee"}, "other", "", ("other",))
    assert changed(state, parse_line("/variable")).variables == {}


def test_only_the_variables_that_a_prompt_names_go_with_it():
    state = after("/instruction Route to {{teams}}.", "/variable teams A, B", "/variable city Ulm", "/bare on")

    assert state.used_variables(state.prompt("baseModels/starter", "Hi")) == {"teams": "A, B"}
    assert state.used_variables(state.prompt("complaints", "Hi")) == {}
    assert state.used_variables(state.prompt("complaints", "From {{ city }}")) == {"city": "Ulm"}
    assert changed(state, parse_line("/mode free")).used_variables("Hi") == {}


def test_a_misspelt_variable_is_reported_once_any_is_set():
    with pytest.raises(
        InvalidArgumentError, match=r"/variable: has no value for team, which the prompt contains as {{team}}"
    ):
        after("/variable teams A, B").used_variables("Route to {{team}}.")

    assert START.used_variables("Braces are {{text}}.") == {}


@pytest.mark.parametrize("spec", GENERATE_PARAMETER_SPECS, ids=lambda spec: spec.name)
def test_every_parameter_takes_its_default_as_it_is_typed(spec):
    if spec.default not in (None, ()):
        typed = ("on" if spec.default else "off") if spec.type == "bool" else str(spec.default)
        assert START.with_parameter(spec.name, typed).parameters == {spec.name: spec.default}


def test_every_command_lists_its_arguments():
    assert all(change.help.endswith(".") for change in CHANGES.values())
