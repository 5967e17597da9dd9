"""Datasets: one file each; a function named as its file, `(*, seed, **knobs) -> Dataset`."""
