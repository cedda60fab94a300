"""A run under way: what takes turns in it, and in which order they are taken."""
