"""Results of the fits of a chunk: collected block by block, and as a table with one row per fitted source.

Fluxes nJy, positions mosaic pixels (0-based).
"""

import numpy as np
from astropy.table import Table

from clusterphot.base.flags import Flag

NOISE_FACTOR = 2.0
"""Chi-square per degree of freedom may be this squared before a fit is poor: the noise is measured in each mosaic, and
of 1068 fits of the demonstration the largest is 1.7."""

PSF_MISMATCH = 0.1
"""Share of a source's light that a wrong PSF may leave in the residuals: PSFs vary by 10 to 20 % over a field."""


class Results:
    """Fitted values of all rows and targets of some scenes, NaN until a block of cutouts is stored.

    Parameters
    ----------
    scenes : `clusterphot.measure.neighbours.Scenes`
    """

    OF_ROWS = {"positions": 2, "fluxes": 0, "flux_errors": 0, "position_covariance": 3}
    """Fields of `clusterphot.measure.blocks.BlockFit` with one value per fitted source, and its number of axes."""

    OF_TARGETS = ("flux_err", "flux_err_marginal", "flux_err_conditional", "chi2", "sky", "expected_chi2")

    def __init__(self, scenes):
        self.scenes = scenes
        rows, n = len(scenes.ids), len(scenes.counts)
        self.rows = {name: np.full((rows, k) if k else rows, np.nan) for name, k in self.OF_ROWS.items()}
        self.targets = {name: np.full(n, np.nan) for name in self.OF_TARGETS}
        self.flags = np.zeros(n, dtype=np.int64)

    def store(self, cutouts, done, fit, **of_targets):
        """Keep part of a block.

        Parameters
        ----------
        cutouts : (n,) int ndarray
            Those of the block.
        done : (n,) bool ndarray
            Those of them that are kept.
        fit : `clusterphot.measure.blocks.BlockFit`
        **of_targets : (n,) ndarray
            ``flags``, and the other values of `OF_TARGETS`.
        """
        kept = cutouts[done]
        if len(kept) == 0:
            return
        rows = self.scenes.rows(kept)
        for name, column in self.rows.items():
            column[rows] = getattr(fit, name)[done]
        self.flags[kept] = of_targets.pop("flags")[done]
        for name, values in of_targets.items():
            self.targets[name][kept] = values[done]


TABLE_COLUMNS = (
    "flux", "flux_err", "flux_err_conditional", "flux_err_marginal", "flux_err_phase", "flux_err_sys", "x", "y",
    "dx", "dy", "x_err", "y_err", "xy_cov", "chi2", "dof", "flags", "sky",
)  # fmt: skip
"""Quantities of each fitted source, in this order; each column ends in the filter's name."""

POSITION_ERRORS = ("x_err", "y_err", "xy_cov")
"""Those that only the fits of other filters need."""


def make_table(cutouts, setup, results, wcs, phase_error):
    """Table of all targets and neighbours of a chunk.

    Parameters
    ----------
    cutouts : `clusterphot.base.products.Cutouts`
    setup : `clusterphot.measure.fit.FilterSetup`
    results : Results
    wcs : `astropy.wcs.WCS`
    phase_error : (n,) float ndarray
        Fractional error by dither phase of the sources of each cutout.

    Returns
    -------
    table : `astropy.table.Table`
        See `clusterphot.measure.fit.fit_sources`.
    """
    filt = cutouts.filter_name
    scenes = results.scenes
    owner = np.repeat(np.arange(len(scenes.counts)), scenes.counts)
    columns = _columns(cutouts, setup, results, owner, phase_error[owner])
    placed = np.isfinite(columns["x"]) & np.isfinite(columns["y"])
    ra, dec = np.full(len(owner), np.nan), np.full(len(owner), np.nan)
    ra[placed], dec[placed] = wcs.pixel_to_world_values(columns["x"][placed], columns["y"][placed])
    is_target = np.zeros(len(owner), dtype=bool)
    is_target[scenes.first] = True
    named = {
        "id": np.array(scenes.ids, dtype=str),
        "target_id": np.array(cutouts.ids, dtype=str)[owner],
        "is_target": is_target,
        "ra": ra,
        "dec": dec,
    }
    named |= {f"{name}_{filt}": columns[name] for name in TABLE_COLUMNS}
    meta = {"filter": filt, "pixel_scale_arcsec": cutouts.pixel_scale_arcsec}
    if wcs.has_celestial:
        meta["pixel_matrix"] = wcs.pixel_scale_matrix.tolist()
    return Table(named, meta=meta, copy=False)


def is_poor_image_fit(chi2, dof, significance):
    """Fits that do not describe the pixels, whatever may be wrong with noise and PSF; (n,) bool ndarray.

    Noise may be misjudged by `NOISE_FACTOR` in sigma, and the PSF by `PSF_MISMATCH` of the source's light, which adds
    the square of that share of the significance (flux over its error with all else fixed) to chi-square.
    """
    with np.errstate(invalid="ignore"):
        return chi2 > NOISE_FACTOR**2 * dof + (PSF_MISMATCH * significance) ** 2


def _columns(cutouts, setup, results, owner, phase_error):
    """Values of the rows; ``owner`` is the cutout of each. Neighbours have no chi-square, sky nor flags."""
    scenes, values = results.scenes, results.rows
    good = (results.flags & int(Flag.NO_DATA | Flag.FAILED)) == 0
    measured = good[owner]
    corner = np.stack([cutouts.x0, cutouts.y0], axis=1).astype(float)
    places = np.where(measured[:, None], values["positions"] + corner[owner], scenes.start)
    variance = values["position_covariance"]
    flux_errors = values["flux_errors"]
    columns = {
        "flux": values["fluxes"],
        "flux_err": flux_errors * np.sqrt(setup.inflation),
        "flux_err_marginal": flux_errors.copy(),
        "flux_err_phase": phase_error * np.abs(values["fluxes"]),
        "flux_err_sys": setup.psf.sys_errors(*scenes.expected.T) * np.abs(values["fluxes"]),
        "dx": places[:, 0] - scenes.expected[:, 0],
        "dy": places[:, 1] - scenes.expected[:, 1],
        "x_err": np.sqrt(np.maximum(variance[:, 0], 0.0)),
        "y_err": np.sqrt(np.maximum(variance[:, 1], 0.0)),
        "xy_cov": variance[:, 2],
    }
    for name in ("flux_err", "flux_err_marginal"):
        columns[name][scenes.first] = results.targets[name]
    # random from source to source, so part of the random error
    columns["flux_err"] = np.hypot(columns["flux_err"], columns["flux_err_phase"])
    for name in ("flux_err_conditional", "chi2", "sky"):
        columns[name] = np.full(len(owner), np.nan)
        columns[name][scenes.first] = results.targets[name]
    for column in columns.values():
        column[~measured] = np.nan
    for name in ("dof", "flags"):
        columns[name] = np.zeros(len(owner), dtype=np.int64)
    columns["dof"][scenes.first[good]] = results.targets["expected_chi2"][good]
    columns["flags"][scenes.first] = results.flags
    significance = results.rows["fluxes"][scenes.first] / results.targets["flux_err_conditional"]
    poor = is_poor_image_fit(results.targets["chi2"], results.targets["expected_chi2"], significance)
    columns["flags"][scenes.first[good & poor]] |= int(Flag.POOR_FIT)
    return columns | {"x": places[:, 0].copy(), "y": places[:, 1].copy()}
