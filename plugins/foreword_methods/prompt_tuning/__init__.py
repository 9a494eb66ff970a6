"""Prompt tuning (Lester et al. 2021, https://arxiv.org/abs/2104.08691): P trained vectors in front of every input."""

from foreword_methods.prompt_tuning.method import PromptTuning

__all__ = ["PromptTuning"]
