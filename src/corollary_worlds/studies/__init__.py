"""The studies that the benchmark brings, as TOML files."""
