"""Speed against the authors' method, in one run: ratios count, single times drift with the machine."""
