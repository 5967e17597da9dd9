"""Runners: one module each, with a function `run` that does jobs in this process, in others or on a
cluster."""
