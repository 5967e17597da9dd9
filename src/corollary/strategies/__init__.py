"""Augmentation strategies: one module each; a generator named as its file yields requests and returns documents."""
