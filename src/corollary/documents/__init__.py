"""Files as documents: readers, sentences with offsets, and the names that texts share."""
