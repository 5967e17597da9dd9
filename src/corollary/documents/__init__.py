"""A user's files as documents: readers, sentences with offsets, and the names that texts share."""
