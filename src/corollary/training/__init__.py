"""Ways of tuning: one module each; a function named as its file tunes a model on documents."""
