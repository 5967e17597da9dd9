"""Ways of tuning: one module each; its function `tune` trains a model on documents."""
