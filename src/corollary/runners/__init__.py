"""Runners: one module each, whose function `run` does jobs in this process, in others or on a cluster."""
