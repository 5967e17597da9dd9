"""Checks of what a model generated."""
