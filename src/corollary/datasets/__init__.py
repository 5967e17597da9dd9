"""Datasets: one file each; a function named as its file, `(*, seed, **options) -> Dataset`."""
