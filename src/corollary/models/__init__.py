"""Models: one module each; a function named as its file opens a language model."""
