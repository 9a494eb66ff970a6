"""The built-in plugins pass the conformance tests."""

from __future__ import annotations

import pytest

from factories.chat import chat_tokenizer
from factories.hugging_face import make_module, write_model
from factories.runs import make_rows
from foreword.domain.base_model import Architecture
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import TuneParameters
from foreword.plugin.interfaces import ValidationContext
from foreword.plugin.manager import PluginManager
from foreword.testing import BaseModelTests, RowValidatorTests, TaskTests, TinyModel, TuningMethodTests
from foreword_huggingface.model import HuggingFaceModel
from foreword_huggingface.settings import ModelEntry
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning
from foreword_starter.model import StarterModel
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation
from foreword_tasks.summarization import Summarization
from foreword_validators.conflicts import Conflicts
from foreword_validators.duplicates import Duplicates
from foreword_validators.empty_texts import EmptyTexts
from foreword_validators.garbled_texts import GarbledTexts
from foreword_validators.leakage import Leakage
from foreword_validators.lengths import Lengths
from foreword_validators.missing_values import MissingValues
from foreword_validators.near_duplicates import NearDuplicates
from foreword_validators.personal_data import PersonalData
from foreword_validators.row_count import RowCount

ROWS = make_rows(24)


class TestClassification(TaskTests):
    def make_task(self):
        return Classification()

    def rows(self):
        return ROWS


class TestClassificationWithOneLabelEach(TestClassification):
    def options(self):
        return TaskOptions(labels=("Warehouse", "Service", "Planning"), multi_label=False)

    def rows(self):
        return [row for row in ROWS if "," not in row.output]


class TestGeneration(TaskTests):
    def make_task(self):
        return Generation()

    def rows(self):
        return ROWS


class TestSummarization(TaskTests):
    def make_task(self):
        return Summarization()

    def rows(self):
        return ROWS


class _ValidatorTests(RowValidatorTests):
    def good_rows(self):
        return ROWS


class TestConflicts(_ValidatorTests):
    def make_validator(self):
        return Conflicts()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input=ROWS[0].input, output="L3")]


class TestDuplicates(_ValidatorTests):
    def make_validator(self):
        return Duplicates()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input=ROWS[0].input, output=ROWS[0].output)]


class TestEmptyTexts(_ValidatorTests):
    def make_validator(self):
        return EmptyTexts()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input=" ", output="L3"), Row(number=26, input="x", output="")]


class TestGarbledTexts(_ValidatorTests):
    def make_validator(self):
        return GarbledTexts()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input="GrÃ¶ÃŸe \ufffd\ufffd", output="L3")]


class TestLengths(_ValidatorTests):
    def make_validator(self):
        return Lengths()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input="word " * 200, output="L3")]

    def context(self):
        return ValidationContext(task="", count_tokens=lambda text: len(text.split()), max_input_tokens=100)


class TestMissingValues(_ValidatorTests):
    def make_validator(self):
        return MissingValues()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input="nan", output="L3"), Row(number=26, input=" #REF! ", output="L3")]


class TestNearDuplicates(_ValidatorTests):
    def make_validator(self):
        return NearDuplicates()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input=f"{ROWS[0].input.upper()}!", output="L3")]


class TestLeakage(_ValidatorTests):
    def make_validator(self):
        return Leakage()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input="The box arrived with a broken lid", output="L3")]

    def context(self):
        return ValidationContext(
            task="", against=[Row(number=1, input="the box arrived with a broken lid!", output="")]
        )


class TestPersonalData(_ValidatorTests):
    def make_validator(self):
        return PersonalData()

    def bad_rows(self):
        return [*ROWS, Row(number=25, input="Write to anna.b@firm.de", output="Call +49 30 1234567")]


class TestRowCount(_ValidatorTests):
    def make_validator(self):
        return RowCount()

    def bad_rows(self):
        return ROWS[:3]


class TestStarter(BaseModelTests):
    def make_base_model(self):
        return StarterModel()


class _HuggingFaceTests(BaseModelTests):
    family: str

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def folder(cls, tmp_path_factory):
        """A model of the family, written once for all checks."""
        cls.path = write_model(tmp_path_factory.mktemp(cls.family), cls.family)

    def make_base_model(self):
        return HuggingFaceModel.describe(ModelEntry(name=f"tiny/{self.family}", folder=self.path))


class TestT5(_HuggingFaceTests):
    family = "t5"


class TestGPT2(_HuggingFaceTests):
    family = "gpt2"


class TestQwen3(_HuggingFaceTests):
    family = "qwen3"


class TestGraniteInstruct(BaseModelTests):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def folder(cls, tmp_path_factory):
        """A model with a chat template."""
        cls.path = tmp_path_factory.mktemp("granite")
        tokenizer = chat_tokenizer("granite", "granite")
        make_module("granite", vocab_size=len(tokenizer)).save_pretrained(cls.path)
        tokenizer.save_pretrained(cls.path)

    def make_base_model(self):
        return HuggingFaceModel.describe(ModelEntry(name="tiny/granite-instruct", folder=self.path))


class TestTinyEncoderDecoder(BaseModelTests):
    def make_base_model(self):
        return TinyModel(Architecture.ENCODER_DECODER)


class TestTinyCausal(BaseModelTests):
    def make_base_model(self):
        return TinyModel(Architecture.CAUSAL)


class TestPromptTuning(TuningMethodTests):
    def make_method(self):
        return PromptTuning()


class TestPromptTuningWithDropoutAndAveraging(TuningMethodTests):
    def make_method(self):
        return PromptTuning()

    def parameters(self):
        return TuneParameters(
            init_method="labels", num_virtual_tokens=6, method_parameters={"token_dropout": 0.5, "averaging": 0.9}
        )


class TestIA3(TuningMethodTests):
    def make_method(self):
        return IA3()


class TestIA3WithDropoutAndAveraging(TestIA3):
    def parameters(self):
        return TuneParameters(method_parameters={"token_dropout": 0.5, "averaging": 0.9})


def test_every_built_in_task_validator_and_method_is_tested():
    installed = PluginManager.load(("foreword:tasks", "foreword:validators", "foreword:methods"))

    def tested(kind: type, make: str) -> set[str]:
        cases = [case for name, case in globals().items() if name.startswith("Test") and issubclass(case, kind)]
        return {getattr(case(), make)().id for case in cases}

    assert tested(TaskTests, "make_task") == set(installed.tasks.items)
    assert tested(RowValidatorTests, "make_validator") == set(installed.row_validators.items)
    assert tested(TuningMethodTests, "make_method") == set(installed.tuning_methods.items)


@pytest.mark.parametrize("interface", [BaseModelTests, RowValidatorTests, TaskTests, TuningMethodTests])
def test_every_check_documents_its_reason(interface):
    checks = [check for name, check in vars(interface).items() if name.startswith("test_")]

    assert len(checks) >= 8
    assert all(check.__doc__ for check in checks)
