"""A run as it grows: read from its directory, as it stands or as it stood."""
