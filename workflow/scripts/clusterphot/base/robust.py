"""Robust statistics: medians and what follows from them.

numpy's, since scipy.stats takes longer to import than most jobs take to run.
"""

import numpy as np

MAD_TO_SIGMA = 1.482602218505602
"""Standard deviation of a Gaussian over its median absolute deviation, 1 / Phi^-1(3/4)."""

PRINTED_MAD_TO_SIGMA = 1.4826
"""The same to the four decimals of textbooks, for results that were first measured with it: they repeat to
the last bit."""

MEDIAN_ERROR = 1.2533
"""Standard error of the median of many Gaussian values over that of their mean, sqrt(pi / 2)."""

STACK_SOFTENING = 8.0
"""Signal to noise from which pixels of stamps to be stacked count by their logarithm: no neighbour outvotes all
others, and a bright source counts little more than a faint one."""


def mad_sigma(values, *, centre=None, axis=None, factor=MAD_TO_SIGMA):
    """Standard deviation of the Gaussian that has the median absolute deviation of the values.

    Parameters
    ----------
    values : float ndarray
        Without NaN.
    centre : float ndarray, optional
        What deviations are from: the median where not given, broadcast against ``values``.
    axis : int, optional
        Along which; all values together by default.
    factor : float, optional
        Sigma over median absolute deviation.

    Returns
    -------
    sigma : float or float ndarray, in the unit of the values

    Examples
    --------
    An outlier does not matter:

    >>> values = np.random.default_rng(1).normal(5.0, 2.0, 10_000)
    >>> values[:100] = 1e6
    >>> round(float(mad_sigma(values)), 1)
    2.0
    """
    if centre is None:
        centre = np.median(values, axis=axis, keepdims=axis is not None)
    return factor * np.median(np.abs(values - centre), axis=axis)
