"""Corollary: fine-tune on your documents, and on everything that follows from them."""
