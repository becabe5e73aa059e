"""Numbers that keep arithmetic finite."""

TINY = 1e-300
"""Floor of a divisor, or of a number whose logarithm is taken, that may be zero: far below any that means something."""
