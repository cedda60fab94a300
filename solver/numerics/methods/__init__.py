"""How it is trained: one method a file, each advancing a batch of lanes."""
