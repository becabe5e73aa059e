"""Cutout, model and residual of each source in each filter, as one small image per source.

The model is rendered by the code that fitted it, at the fitted positions and fluxes. Pixels are drawn in units
of the median noise of their cutout; positions are cutout pixels (0-based).
"""

import numpy as np

from clusterphot.base.png import encode_png
from clusterphot.measure.fit import FilterSetup
from clusterphot.measure.linear import normal_equations, solve

LOWEST_SNR = -3.0
"""Lower end of the scale; fainter pixels have its colour."""
LEAST_TOP_SNR = 6.0
SOFTENING_SNR = 2.0
"""The positive scale is asinh(value / SOFTENING_SNR): linear near zero, logarithmic far above."""

N_NEGATIVE, N_POSITIVE = 16, 48
BAD_INDEX = N_NEGATIVE + N_POSITIVE
GAP_PX = 1

_NEGATIVE = ((0.0, (33, 82, 140)), (0.55, (133, 178, 214)), (1.0, (247, 247, 244)))
_POSITIVE = (
    (0.0, (247, 247, 244)), (0.22, (250, 213, 150)), (0.45, (233, 146, 70)),
    (0.68, (168, 72, 44)), (0.86, (87, 28, 40)), (1.0, (24, 10, 20)),
)  # fmt: skip
_BAD_COLOR = (150, 152, 156)


def make_palette():
    """RGB of the scale: blue below zero, paper at zero, orange to black above, grey for unused pixels.

    Returns
    -------
    palette : (BAD_INDEX + 1, 3) uint8 ndarray
    """
    parts = []
    for anchors, n in ((_NEGATIVE, N_NEGATIVE), (_POSITIVE, N_POSITIVE)):
        places, colors = zip(*anchors, strict=True)
        wanted = np.linspace(0.0, 1.0, n, endpoint=anchors is _POSITIVE)
        parts.append(np.stack([np.interp(wanted, places, band) for band in np.transpose(colors)], axis=1))
    return np.rint(np.vstack([*parts, _BAD_COLOR])).astype(np.uint8)


def scale_to_indices(snr, top_snr):
    """Palette index of pixel values in units of the noise, from `LOWEST_SNR` to ``top_snr``."""
    below = (1.0 - np.clip(snr / LOWEST_SNR, 0.0, 1.0)) * N_NEGATIVE
    above = np.arcsinh(np.clip(snr, 0.0, top_snr) / SOFTENING_SNR) / np.arcsinh(top_snr / SOFTENING_SNR)
    index = np.where(snr < 0, below, N_NEGATIVE + above * (N_POSITIVE - 1) + 0.5)
    return np.minimum(np.floor(index), BAD_INDEX - 1).astype(np.uint8)


class FilterStamps:
    """Cutouts, models and residuals of a chunk in one filter.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    fits : `astropy.table.Table`
        What `clusterphot.measure.fit.fit_sources` made of them.
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
    noise : `clusterphot.base.products.Noise`
    options : `clusterphot.measure.fit.FitOptions`
        Those of the fit.

    Attributes
    ----------
    filter_name : str
    size_px : int
    ids : list of str
    """

    def __init__(self, cutouts, fits, psf, noise, options):
        self.filter_name = cutouts.filter_name
        self.size_px = cutouts.data.shape[-1]
        self.ids = list(cutouts.ids)
        self._cutouts = cutouts
        self._setup = FilterSetup(
            psf, noise, self.size_px, cutouts.pixel_scale_arcsec, cutouts.gain_e_per_njy, options
        )
        self._row_of = {name: row for row, name in enumerate(cutouts.ids)}
        self._rows_of = {}
        for row, target in enumerate(fits["target_id"]):
            self._rows_of.setdefault(str(target), []).append(row)
        names = {name: f"{name}_{self.filter_name}" for name in ("x", "y", "flux", "dof")}
        self._fit = {
            key: np.ma.filled(np.ma.asarray(fits[column], dtype=float), np.nan)
            for key, column in names.items()
        }
        self._fit["id"] = [str(name) for name in fits["id"]]

    def panels(self, name):
        """Panels of a source in units of the median pixel noise.

        Parameters
        ----------
        name : str
            Id of the source.

        Returns
        -------
        panels : dict
            ``cutout``, ``model``, ``residual``: (m, m) float ndarray, NaN on unused pixels of cutout and
            residual; the sky of the model at its median is taken from cutout and model. ``model`` and
            ``residual`` are None where the fit failed. ``peak_snr``: highest pixel of the model.
            ``marks``: list of (id, x, y) of the fitted sources, the target first. ``sigma_njy``: the unit.
            ``window_px``: radius of the circle that was fitted, None for the whole cutout.
        """
        row = self._row_of[name]
        data, ivar = self._cutouts.data[row], self._cutouts.ivar[row]
        valid = np.isfinite(data) & np.isfinite(ivar) & (ivar > 0)
        marks = self._marks(name, row)
        if not valid.any():
            return {"cutout": None, "model": None, "residual": None, "peak_snr": 0.0, "marks": marks}
        weights = np.where(valid, ivar, 0.0) * self._setup.ivar_scale
        sigma = 1.0 / np.sqrt(np.median(weights[valid]))
        found = self._model(name, np.where(valid, data, 0.0), weights, marks)
        if found is None:
            base = float(np.median(data[valid]))
            cutout = np.where(valid, data - base, np.nan) / sigma
            peak = float(np.nanmax(cutout))
            return {"cutout": cutout, "model": None, "residual": None, "peak_snr": peak, "marks": marks}
        points, sky, window = found
        base = float(np.median(sky))
        model = points + sky
        return {
            "cutout": np.where(valid, data - base, np.nan) / sigma,
            "model": (model - base) / sigma,
            "residual": np.where(valid, data - model, np.nan) / sigma,
            "peak_snr": float(((model - base) / sigma).max()),
            "marks": marks,
            "sigma_njy": float(sigma),
            "window_px": None if window.all() else float(np.sqrt(window.sum() / np.pi)),
        }

    def _marks(self, name, row):
        """Id and cutout position of the sources fitted to a cutout."""
        corner = self._cutouts.x0[row], self._cutouts.y0[row]
        return [
            (self._fit["id"][k], float(self._fit["x"][k] - corner[0]), float(self._fit["y"][k] - corner[1]))
            for k in self._rows_of.get(name, [])
        ]

    def _model(self, name, data, weights, marks):
        """Images of the point sources and of the sky, and the pixels fitted, or None where nothing was fitted."""
        rows = self._rows_of.get(name, [])
        flux = self._fit["flux"][rows]
        x, y = np.array([mark[1] for mark in marks]), np.array([mark[2] for mark in marks])
        if not len(rows) or not np.isfinite([flux, x, y]).all():
            return None
        corner = self._cutouts.x0[self._row_of[name]], self._cutouts.y0[self._row_of[name]]
        images = self._setup.renderer.render(x, y, self._setup.cores(x + corner[0], y + corner[1]))
        points = (flux[:, None, None] * images).sum(axis=0)
        terms = self._setup.terms
        window = self._window(weights.ravel(), len(rows), self._fit["dof"][rows[0]])
        empty = np.zeros((1, 0, weights.size))
        part = (weights.ravel() * window)[None]
        equations = normal_equations(empty, empty, terms, (data - points).reshape(1, -1), part)
        sky = np.broadcast_to(terms.surface(solve(equations)[0]), part.shape).reshape(points.shape)
        return points, sky, window

    def _window(self, weights, n_sources, dof):
        """The window whose number of valid pixels gives the degrees of freedom of the table."""
        n_parameters = n_sources + len(self._setup.terms)
        expected = [
            float(self._setup.expected_chi2(int(((weights * window) > 0).sum()), n_parameters))
            for window in self._setup.windows
        ]
        return self._setup.windows[int(np.argmin(np.abs(np.array(expected) - dof)))]


def draw_sheet(name, filters):
    """Sheet of all panels of a source: one column per filter; cutout, model and residual from top to bottom.

    Parameters
    ----------
    name : str
    filters : list of `FilterStamps`

    Returns
    -------
    sheet : dict
        ``png``: bytes; ``sizes``: side of each filter's panels in pixels, columns being ``GAP_PX`` apart and
        rows as high as the largest; ``top``: upper end of the scale in units of the noise; ``marks`` by filter,
        y upwards from the lower edge; ``missing``: filters without any valid pixel; ``sigma_njy`` and
        ``window_px`` by filter.
    """
    panels = [stamps.panels(name) for stamps in filters]
    top = max([LEAST_TOP_SNR, *(panel["peak_snr"] for panel in panels)])
    sizes = [stamps.size_px for stamps in filters]
    height = max(sizes) + GAP_PX
    sheet = np.full((3 * height - GAP_PX, sum(sizes) + GAP_PX * (len(sizes) - 1)), BAD_INDEX, dtype=np.uint8)
    left = 0
    for panel, size in zip(panels, sizes, strict=True):
        for place, kind in enumerate(("cutout", "model", "residual")):
            if panel[kind] is not None:
                values = np.nan_to_num(panel[kind])
                index = np.where(np.isnan(panel[kind]), BAD_INDEX, scale_to_indices(values, top))
                first = place * height
                sheet[first : first + size, left : left + size] = index[::-1]
        left += size + GAP_PX
    return {
        "png": encode_png(sheet, make_palette()),
        "sizes": sizes,
        "top": top,
        "marks": [panel["marks"] for panel in panels],
        "missing": [s.filter_name for s, p in zip(filters, panels, strict=True) if p["cutout"] is None],
        "sigma_njy": [panel.get("sigma_njy") for panel in panels],
        "window_px": [panel.get("window_px") for panel in panels],
    }
