"""Robust statistics: medians and what follows from them."""

MAD_TO_SIGMA = 1.482602218505602
"""Standard deviation of a Gaussian over its median absolute deviation, 1 / Phi^-1(3/4)."""
