"""Metrics for Prometheus: what server and worker count, and the port that serves it.

A class has one registry, so that several servers of one process do not share their numbers. Labels have a bounded
number of values; no label holds the name of a user or a text.
"""
