"""Datasets: one module each; a function named as its file makes documents and questions from a seed."""
