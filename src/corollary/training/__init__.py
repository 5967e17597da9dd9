"""Tunings: one module each, with a function `tune` that trains a model on documents."""
