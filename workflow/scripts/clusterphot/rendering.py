"""Pixelised point spread functions at sub-pixel positions, with their gradients.

The PSF is split into products of a column and a row vector (singular value decomposition); each vector is
tabulated by Fourier shifts at fixed phases and interpolated between them (cubic Lagrange). Lengths are
pixels, values per unit flux.
"""

import numpy as np
from scipy.fft import next_fast_len

N_PHASES = 16
"""Tabulated sub-pixel phases; the cubic between them is exact to 1e-5 of the peak for sampled PSFs."""

RINGING_PX = 8
"""Margin kept around a stamp for the ringing of a Fourier shift at its edge, pixels."""

REACH_PX = 12
"""Sources may lie this far outside a cutout; the PSF is kept out to the cutout's side and this much more."""

RANK_TOLERANCE = 1e-5
"""Singular values below this fraction of the largest are left out."""


class PsfRenderer:
    """Images of a PSF on small square cutouts, one position per image.

    Parameters
    ----------
    psf : (n, n) float ndarray, odd n
        Centred on the middle pixel. Rendered images carry its sum: a unit-sum PSF gives unit flux over an
        unbounded image at every sub-pixel phase.
    size_px : int
        Side m of the cutouts.

    Raises
    ------
    ValueError
        If the PSF is not square with odd side, or is not finite.

    Notes
    -----
    A shifted image is sum_r u_r(i - y) v_r(j - x). Vectors are shifted by the Fourier shift theorem on a
    zero-padded axis, which is exact for a band-limited PSF, at `N_PHASES` phases per pixel; positions
    between phases are interpolated with the four-point Lagrange polynomial. Every image is a product of its
    own small matrices, so that an image never depends on those rendered with it.
    """

    def __init__(self, psf, size_px):
        psf = np.asarray(psf, dtype=float)
        if psf.ndim != 2 or psf.shape[0] != psf.shape[1] or psf.shape[0] % 2 == 0:
            raise ValueError(f"psf has shape {psf.shape}, expected a square of odd side")
        if not np.all(np.isfinite(psf)):
            raise ValueError("psf holds values that are not finite")
        self.size_px = int(size_px)
        trim = max(psf.shape[0] // 2 - self.size_px - REACH_PX, 0)
        psf = psf[trim : psf.shape[0] - trim, trim : psf.shape[0] - trim]
        columns, values, rows = np.linalg.svd(psf)
        rank = max(int(np.sum(values > RANK_TOLERANCE * values[0])), 1)
        root = np.sqrt(values[:rank])
        self._rank = rank
        self._y_table, self._y_slope = self._tabulate(columns[:, :rank] * root)
        self._x_table, self._x_slope = self._tabulate(rows[:rank].T * root)
        self._first_row = psf.shape[0] // 2 + RINGING_PX + self.size_px

    def _tabulate(self, vectors):
        """Tables [phase, pixel * vector] of shifted vectors and of their derivatives by the shift."""
        n = vectors.shape[0]
        length = n + 8 * RINGING_PX
        while length % 2 == 0 or next_fast_len(length) != length:
            length += 1
        frequency = np.arange(length // 2 + 1) / length
        transform = np.fft.rfft(vectors.T, n=length)
        phases = (np.arange(N_PHASES + 3) - 1) / N_PHASES
        turned = transform * np.exp(-2j * np.pi * phases[:, None] * frequency)[:, None]
        wanted = np.arange(-RINGING_PX, n + RINGING_PX)
        inside = np.s_[:, self.size_px : self.size_px + len(wanted)]
        tables = []
        for spectrum in (turned, turned * (-2j * np.pi * frequency)):
            table = np.zeros((len(phases), len(wanted) + 2 * self.size_px, vectors.shape[1]))
            table[inside] = np.fft.irfft(spectrum, n=length)[:, :, wanted].transpose(0, 2, 1)
            tables.append(table.reshape(len(phases), -1))
        return tables

    def _axis(self, position, tables):
        """Interpolated vectors [source, pixel, vector] of one axis, for each of the given tables."""
        base = np.floor(position)
        phase = (position - base) * N_PHASES
        lower = np.minimum(phase.astype(np.int64), N_PHASES - 1)
        weights = lagrange_weights(phase - lower)
        m, rank = self.size_px, self._rank
        last = tables[0].shape[1] // rank - m
        start = np.clip(self._first_row - base, 0, last).astype(np.int64)
        out = [np.empty((len(position), m * rank)) for _ in tables]
        for i, (k, j) in enumerate(zip(lower.tolist(), start.tolist(), strict=True)):
            for table, mixed in zip(tables, out, strict=True):
                np.matmul(weights[i], table[k : k + 4, j * rank : (j + m) * rank], out=mixed[i])
        return [mixed.reshape(len(position), m, rank) for mixed in out]

    def render(self, x, y):
        """Images of unit sources.

        Parameters
        ----------
        x, y : (n,) float ndarray
            Positions in the cutout, 0-based, pixel centre = integer; may lie outside.

        Returns
        -------
        images : (n, m, m) float ndarray
        """
        (columns,) = self._axis(np.asarray(y, dtype=float), (self._y_table,))
        (rows,) = self._axis(np.asarray(x, dtype=float), (self._x_table,))
        return columns @ rows.transpose(0, 2, 1)

    def render_with_gradient(self, x, y):
        """Images of unit sources and their derivatives by the position.

        Returns
        -------
        images, by_x, by_y : (n, m, m) float ndarray
            The derivatives per pixel of shift of the source.
        """
        columns, columns_slope = self._axis(np.asarray(y, dtype=float), (self._y_table, self._y_slope))
        rows, rows_slope = self._axis(np.asarray(x, dtype=float), (self._x_table, self._x_slope))
        rows, rows_slope = rows.transpose(0, 2, 1), rows_slope.transpose(0, 2, 1)
        return columns @ rows, columns @ rows_slope, columns_slope @ rows


def lagrange_weights(t):
    """Weights of the cubic Lagrange polynomial on the nodes -1, 0, 1, 2.

    Parameters
    ----------
    t : (n,) float ndarray in [0, 1]

    Returns
    -------
    weights : (n, 4) float ndarray, sums to 1
    """
    return np.stack(
        [
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        ],
        axis=1,
    )
