"""What is fitted: observed entries, and the loss of an end matrix."""
