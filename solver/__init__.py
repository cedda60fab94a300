"""The solver: what a run is (spec), what it leaves behind (records, run directory), and who steers it (client)."""
