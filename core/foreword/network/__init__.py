"""Adapters in a base model: rows, each with its own adapter or none, to hidden states, with gradients or without.

Tuning and inference both call this room, so that a tuned model is served exactly as it was trained. It knows whole rows
only: `foreword.inference.model` builds on it what feeds a model token by token.

From the top down:

    answer_loss     the loss of each row's answer, for tuning and evaluation
    pass_budget     the rows that fit into one pass
    pass_memory     the memory that a pass needs
    encoder         inputs to encoder states
    prompt_states   keys and values of the prompts of causal models, shared by all their rows
    language_head   hidden states of chosen positions to logits
    attention       the implementation of attention for passes with gradients
    adapted_model   a base model whose rows have adapters: prompts in front of inputs, factors at sites
    scaling         factors at sites, for the duration of one pass
    row_adapters    which row of a pass has which adapter
    adapter         what one adapter adds to the base model
    padding         rows of different lengths in one tensor

Each module imports only those below it; a contract in `pyproject.toml` checks this.

A new kind of contribution enters in `adapter`, `row_adapters` and `adapted_model`; their callers do not change.
"""
