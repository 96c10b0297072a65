"""A small EDMS of its own, and the proof that a backup of it survives a change of ids."""
