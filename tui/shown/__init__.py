"""What of a run can be shown: rows of the list, and what each draws."""
