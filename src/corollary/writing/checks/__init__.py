"""Checks: one file each, with a function `check(dataset, lines, ...) -> list[str | None]`.

The list has one entry per line: None to keep it, or else the reason for rejecting it.
"""
