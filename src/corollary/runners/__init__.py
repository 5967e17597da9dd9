"""Runners: one module each; a function named as its file does the jobs of a study, here or elsewhere."""
