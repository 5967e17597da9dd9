"""Models: one module each, with a function `load` that opens a language model."""
