"""Strategies: who writes augmentations and how; one file each.

A strategy is a function `(dataset, *, seed, **options) -> Flow`: a generator that yields requests, is
sent completions and returns documents. It does no I/O and sees documents only: the engine hands it a
dataset without questions. Parameters named `window`, `count`, `rows` and `other` are not options: the
engine fills them (context window in tokens, a token counter, how many rows to write, another dataset).
"""
