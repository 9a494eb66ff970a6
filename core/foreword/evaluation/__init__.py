"""Evaluation of tuned and base models on labelled rows, with the same code as serving.

Also the rows that look mislabelled under a tuned model, and the calibration of its answers. `paired`, `bootstrap`,
`intervals` and `row_statistics` do not import torch, so that the server can compare stored results; the others do.
"""
