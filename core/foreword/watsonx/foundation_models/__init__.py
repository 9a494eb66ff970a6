"""Tuning of models and inference with them."""

from foreword.watsonx.foundation_models.inference import ModelInference
from foreword.watsonx.foundation_models.prompt_tuner import PromptTuner

__all__ = ["ModelInference", "PromptTuner"]
