"""The registry: what a person declares about tables, read from YAML and applied to a live schema."""
