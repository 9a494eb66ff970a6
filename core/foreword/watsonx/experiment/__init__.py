"""Tuning experiments."""

from foreword.watsonx.experiment.tune_experiment import TuneExperiment

__all__ = ["TuneExperiment"]
