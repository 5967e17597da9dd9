"""Augmentations: strategies that ask for them, prompt files, parsers of replies, and checks.

A strategy is a module in `strategies/` with a function `write(dataset, *, seed, prompt, ...) -> Flow`. Its
words, in whatever language, are in `prompts/<strategy>.<kind>.txt` (see `prompts.py`).
"""
