"""Lanes on a Dask cluster: what is said between the solver and its workers, and either side's end of it."""
