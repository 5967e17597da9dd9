"""Models: one module each; its function `load` opens a language model."""
