"""Stub until merged."""

from corollary.text import rare_words, same_order, words

__all__ = ["rare_words", "same_order", "words"]
