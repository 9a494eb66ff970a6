"""Factories of small real models, tasks, plans and services for tests."""
