"""The training of the embedded model: endless episodes, a tokenizer and one script."""
