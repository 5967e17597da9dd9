"""Datasets: one module each, with a function `make(*, seed, **options) -> Dataset`."""
