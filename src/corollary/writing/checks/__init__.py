"""Checks: one file each, with a function `check(dataset, lines, ...) -> list[str | None]`.

The list has one entry a line: None for a line to keep, else the reason why it is rejected.
"""
