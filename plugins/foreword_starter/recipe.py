"""Tuning values that suit the embedded base model."""

from foreword.domain.parameters import TuneParameters

RECIPE = TuneParameters(
    batch_size=8,
    num_epochs=40,
    learning_rate=0.1,
    accumulate_steps=1,
    max_input_tokens=256,
    max_output_tokens=64,
    num_virtual_tokens=16,
    init_method="sample_vocab",
    optimizer="adamw",
    schedule="linear",
    warmup_ratio=0.06,
    weight_decay=0.0,
    max_gradient_norm=1.0,
    method_parameters={"token_dropout": 0.15, "averaging": 0.98},
)
