"""What lanes are held against: ground truths, and what other methods make of the same observations."""
