"""What is trained: factors to an end matrix, and its gradient back to the factors."""
