"""Tuning: the plan of a run, the run itself, several runs in common passes, and advice on its learning curve.

From the top down:

    company      several runs on one base model, trained in common passes
    advice       what the learning curve of a run suggests
    runs         one run: its updates, epochs and checkpoints
    planning     the plan of a run, made before it starts
    batches      rows as token ids, and the order in which a run reads them
    measuring    what it costs to measure rows
    split        held-out rows
    schedule     the learning rate, and the number of updates
    adapter      the files of a tuned adapter
    work_time    the clock by which training is timed

Each imports only those below it; a contract in `pyproject.toml` checks this. `planning`, `measuring`, `split`,
`schedule`, `work_time` and `advice` do not import torch, so that the server can plan; the other modules do.
"""
