"""Strategies: one file each, with a function `write`.

The engine fills the parameters `seed`, `window`, `count`, `rows`, `other` and `prompt`. It also fills
`<name>_prompt` with the prompt file `<name>.<kind>.txt`, or with None if there is none for the model's kind.
All other parameters are options.
"""
