"""Enumerations of IBM's SDK."""

from __future__ import annotations

from enum import StrEnum


class ModelTypes(StrEnum):
    """Models of the retired service. The setting `base_model_aliases` maps them to installed models.

    With `foreword serve --dev`, all of them are aliases of the embedded model, and plans say so.
    """

    CODELLAMA_34B_INSTRUCT_HF = "codellama/codellama-34b-instruct-hf"
    ELYZA_JAPANESE_LLAMA_2_7B_INSTRUCT = "elyza/elyza-japanese-llama-2-7b-instruct"
    FLAN_T5_XL = "google/flan-t5-xl"
    FLAN_T5_XXL = "google/flan-t5-xxl"
    FLAN_UL2 = "google/flan-ul2"
    GPT_NEOX = "eleutherai/gpt-neox-20b"
    GRANITE_13B_CHAT = "ibm/granite-13b-chat-v1"
    GRANITE_13B_CHAT_V2 = "ibm/granite-13b-chat-v2"
    GRANITE_13B_INSTRUCT = "ibm/granite-13b-instruct-v1"
    GRANITE_13B_INSTRUCT_V2 = "ibm/granite-13b-instruct-v2"
    GRANITE_20B_MULTILINGUAL = "ibm/granite-20b-multilingual"
    GRANITE_3_2B_INSTRUCT = "ibm/granite-3-2b-instruct"
    GRANITE_3_8B_INSTRUCT = "ibm/granite-3-8b-instruct"
    LLAMA_2_13B_CHAT = "meta-llama/llama-2-13b-chat"
    LLAMA_2_70B_CHAT = "meta-llama/llama-2-70b-chat"
    LLAMA_3_8B_INSTRUCT = "meta-llama/llama-3-8b-instruct"
    LLAMA_3_70B_INSTRUCT = "meta-llama/llama-3-70b-instruct"
    MIXTRAL_8X7B_INSTRUCT_V01 = "mistralai/mixtral-8x7b-instruct-v01"
    MPT_7B_INSTRUCT2 = "ibm/mpt-7b-instruct2"
    MT0_XXL = "bigscience/mt0-xxl"
    STARCODER = "bigcode/starcoder"


class DecodingMethods(StrEnum):
    """Methods to choose the next token."""

    SAMPLE = "sample"
    GREEDY = "greedy"


class PromptTuningTypes(StrEnum):
    """Tuning methods."""

    PT = "prompt_tuning"


class PromptTuningInitMethods(StrEnum):
    """Methods to initialise a soft prompt."""

    RANDOM = "random"
    TEXT = "text"


class TuneExperimentTasks(StrEnum):
    """Tasks. A service supports those that are installed, and lists them when it refuses another one."""

    SUMMARIZATION = "summarization"
    RETRIEVAL_AUGMENTED_GENERATION = "retrieval_augmented_generation"
    CLASSIFICATION = "classification"
    GENERATION = "generation"
    CODE_GENERATION_AND_CONVERSION = "code"
    EXTRACTION = "extraction"
