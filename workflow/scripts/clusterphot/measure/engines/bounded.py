"""Bounded optimisation with The Tractor's optimiser: what it leaves undone where a bound is touched.

Its line search is cut where the first bound is met, and ends the loop there: flux and sky then belong to no
optimum. Needs nothing of The Tractor itself, only objects that behave like its parameters. Pixels.
"""

import numpy as np

ALPHAS = (0.1, 0.3, 1.0)
"""Fractions of a Gauss-Newton step that are tried."""

GAIN = 1e-6
"""Gain in log-probability below which a loop has converged."""

MAX_ROUNDS = 12
TOUCH_PX = 1e-6
"""A coordinate this near to its bound touches it."""

INWARD_PX = 1e-2
"""How far a coordinate is moved off its bound to see whether it wants to leave."""

MAX_RELEASES = 2
"""A coordinate is let off its bound this often at most, so that no fit goes round in circles."""


class BoundedPosition:
    """Coordinates of one position of The Tractor, with the box they are confined to.

    Parameters
    ----------
    position : object
        The Tractor's ``PixPos``, or what behaves like it: parameters ``x`` and ``y`` that can be frozen.
    low, high : (2,) float ndarray
        Ends of the box in x and y, pixels.
    """

    NAMES = ("x", "y")

    def __init__(self, position, low, high):
        self.position = position
        self.low, self.high = [float(v) for v in low], [float(v) for v in high]
        self._released = [0, 0]
        position.lowers, position.uppers = list(self.low), list(self.high)

    def touching(self):
        """Indices of free coordinates that touch their bound."""
        values = self.position.getAllParams()
        return [
            i
            for i, name in enumerate(self.NAMES)
            if not self.position.isParamFrozen(name)
            and min(values[i] - self.low[i], self.high[i] - values[i]) <= TOUCH_PX
        ]

    def hold(self, i):
        """Put a coordinate on the bound that it touches and freeze it there."""
        values = self.position.getAllParams()
        upper = self.high[i] - values[i] < values[i] - self.low[i]
        values[i] = self.high[i] if upper else self.low[i]
        self.position.setAllParams(values)
        self.position.freezeParam(self.NAMES[i])

    def release(self, i, log_probability):
        """Free a held coordinate a little inward if that is more probable; whether it was."""
        if self._released[i] >= MAX_RELEASES or not self.position.isParamFrozen(self.NAMES[i]):
            return False
        values = self.position.getAllParams()
        before = log_probability()
        inward = list(values)
        inward[i] += INWARD_PX if values[i] <= self.low[i] + TOUCH_PX else -INWARD_PX
        self.position.setAllParams(inward)
        if log_probability() <= before + GAIN:
            self.position.setAllParams(values)
            return False
        self._released[i] += 1
        self.position.thawParam(self.NAMES[i])
        return True


def optimise(tractor, positions):
    """Optimise all thawed parameters, positions inside their boxes.

    Parameters
    ----------
    tractor : object
        The Tractor with its ``ConstrainedOptimizer``, or what behaves like it: ``optimize_loop`` and
        ``getLogProb``.
    positions : list of BoundedPosition
        Those that are free.

    Notes
    -----
    A coordinate that touches its bound is frozen there and the rest optimised again, so that flux and sky
    are those of the optimum on the bound; a frozen one is let go where the probability rises inward. The
    variances must not be asked for in the loop, which cannot take them (see `conditional_variances`).
    """
    for _ in range(MAX_ROUNDS):
        tractor.optimize_loop(alphas=list(ALPHAS), dchisq=GAIN, shared_params=False)
        touching = [(position, i) for position in positions for i in position.touching()]
        for position, i in touching:
            position.hold(i)
        if touching:
            continue
        released = [position.release(i, tractor.getLogProb) for position in positions for i in (0, 1)]
        if not any(released):
            return


def conditional_variances(tractor):
    """Variances of the thawed parameters, each with all others fixed; NaN where there is none.

    Notes
    -----
    The Tractor reports the inverse squared length of a derivative: infinite for a parameter without effect,
    and zeros have been seen from its Ceres optimiser. Neither is an error.
    """
    with np.errstate(divide="ignore"):
        variance = tractor.optimize(variance=True, just_variance=True, shared_params=False)
    variance = np.asarray(variance, dtype=float)
    return np.where(np.isfinite(variance) & (variance > 0), variance, np.nan)
