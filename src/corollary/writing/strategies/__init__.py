"""Strategies: one file each, with a function `write`.

Parameters named `seed`, `window`, `count`, `rows`, `other` and `prompt` are filled by the engine, and so is a
`<name>_prompt`: the prompt file `<name>.<kind>.txt`, or None where the model's kind has none. All others are
options.
"""
