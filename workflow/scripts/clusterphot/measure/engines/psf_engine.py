"""Our own engine: fluxes and sky solved exactly at every step of a bounded search for the positions.

See `clusterphot.measure.positions` for the method.
"""

from clusterphot.measure.engines.solution import Solution
from clusterphot.measure.positions import search_positions


class PsfEngine:
    """Fits of all cutouts of a block at once."""

    name = "psf"

    def solve_free(self, block, start, prior):
        """Positions of least chi-square inside their boxes, see `clusterphot.measure.positions.search_positions`."""
        return Solution(search_positions(block, start, prior))

    def solve_tied(self, block, positions):
        """The positions as given."""
        return Solution(positions)
