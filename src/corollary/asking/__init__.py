"""Questions: the documents that come before them, and the scores of their answers."""
