"""Writing: prompt files, parsers of replies, strategies that ask for augmentations, and checks of these.

A strategy is a module in `strategies/` with a function `write(dataset, *, seed, prompt, ...) -> Flow`. It
contains no words of any language: its words are in `prompts/<strategy>.<kind>.txt` (see `prompts.py`).
A check is a module in `checks/` with a function `check(dataset, lines, ...) -> list[str | None]`: None keeps
a line, a text is the reason why it was rejected.
"""
