"""The fitted sources of a mosaic as an image, and the mosaic without them, row by row in bounded memory. nJy/pixel."""

import contextlib
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from scipy.spatial import cKDTree

from clusterphot import __version__
from clusterphot.base.files import whole_file
from clusterphot.measure.neighbours import MERGE_RADIUS_ARCSEC
from clusterphot.measure.rendering import PsfRenderer

ROWS_PER_BLOCK = 256
"""Rows in memory at a time: 24000 pixels of them are 50 MB an image."""
BATCH_PX = 4_000_000
"""Pixels of stamps drawn at a time, 32 MB."""


@dataclass(frozen=True)
class FittedSources:
    """Places (n,) of sources on a mosaic (pixels, 0-based) and their fluxes (n,) in nJy."""

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray

    def __len__(self):
        return len(self.x)

    def __getitem__(self, chosen):
        return FittedSources(self.x[chosen], self.y[chosen], self.flux[chosen])


def fitted_sources(tables):
    """Sources of the fits of all chunks of a filter, each once.

    Every listed source has its own fit, in which others are neighbours; only the row of its own counts. Of those that
    are one source to the fit (nearer than `clusterphot.measure.neighbours.MERGE_RADIUS_ARCSEC`), which all have the
    flux of their sum, one is taken.

    Parameters
    ----------
    tables : sequence of `astropy.table.Table`
        From `clusterphot.measure.fit.fit_sources`.

    Returns
    -------
    sources : FittedSources
        Those with a flux.
    """
    columns = {name: [] for name in ("x", "y", "dx", "dy", "flux")}
    for table in tables:
        own = np.asarray(table["is_target"], dtype=bool)
        for name, values in columns.items():
            column = np.ma.asarray(table[f"{name}_{table.meta['filter']}"][own], dtype=float)
            values.append(np.ma.filled(column, np.nan))
    found = {name: np.concatenate(values) for name, values in columns.items()}
    known = np.all([np.isfinite(values) for values in found.values()], axis=0)
    found = {name: values[known] for name, values in found.items()}
    expected = np.stack([found["x"] - found["dx"], found["y"] - found["dy"]], axis=1)
    taken = _one_of_each(expected, MERGE_RADIUS_ARCSEC / tables[0].meta["pixel_scale_arcsec"])
    return FittedSources(found["x"], found["y"], found["flux"])[taken]


def _one_of_each(places, radius_px):
    """Rows of places (n, 2) such that of those nearer to one another than a radius the one with most such is left."""
    near = cKDTree(places).query_pairs(radius_px, output_type="ndarray")
    partners = {row: set() for row in np.unique(near).tolist()}
    for one, other in near.tolist():
        partners[one].add(other)
        partners[other].add(one)
    taken = np.ones(len(places), dtype=bool)
    for row in sorted(partners, key=lambda row: (-len(partners[row]), *places[row])):
        if taken[row]:
            taken[list(partners[row])] = False
    return np.flatnonzero(taken)


class SourcePainter:
    """Draws sources with the PSF of their places.

    Parameters
    ----------
    psf : `clusterphot.base.products.Psf`
        Or a `clusterphot.base.psf_field.PsfField`. Of each source the light on its stamp is drawn.
    """

    def __init__(self, psf):
        side = psf.terms.shape[-1]
        self._psf, self._side = psf, side + 2  # a source lies up to half a pixel off the middle
        self._renderer = PsfRenderer(psf.terms, self._side)

    def draw(self, sources, y0, y1, nx):
        """Image of rows ``y0`` to ``y1`` of a mosaic of ``nx`` columns, (y1 - y0, nx) float ndarray."""
        image, half = np.zeros((y1 - y0, nx)), self._side // 2
        corner_x, corner_y = (np.rint(place).astype(int) - half for place in (sources.x, sources.y))
        inside = (
            (corner_y < y1) & (corner_y + self._side > y0) & (corner_x < nx) & (corner_x + self._side > 0)
        )
        rows, n = np.flatnonzero(inside), max(BATCH_PX // self._side**2, 1)
        for first in range(0, len(rows), n):
            some = rows[first : first + n]
            x, y = sources.x[some], sources.y[some]
            cores = self._renderer.cores(self._psf.weights(x, y))
            stamps = self._renderer.render(x - corner_x[some], y - corner_y[some], cores)
            for stamp, row in zip(stamps, some, strict=True):
                left, low = corner_x[row], corner_y[row] - y0
                part = np.s_[max(low, 0) : low + self._side, max(left, 0) : left + self._side]
                seen = image[part]
                below, before = max(-low, 0), max(-left, 0)
                seen += sources.flux[row] * stamp[below:, before:][: seen.shape[0], : seen.shape[1]]
        return image


def write_residual(
    mosaic, psf, sources, model_path, residual_path, *, cards=None, rows_per_block=ROWS_PER_BLOCK
):
    """Write the image of the sources, and the mosaic less that image.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    psf : `clusterphot.base.products.Psf`
        Or a `clusterphot.base.psf_field.PsfField`.
    sources : FittedSources
    model_path, residual_path : str
        float32, nJy/pixel; the residual NaN where the mosaic must not be used.
    cards : dict of str, optional
        Cards for both headers, beside those of the mosaic.
    rows_per_block : int, optional
    """
    painter, (ny, nx) = SourcePainter(psf), mosaic.shape
    with contextlib.ExitStack() as stack:
        model_file, residual_file = (
            stack.enter_context(_image_file(path, mosaic, cards or {}))
            for path in (model_path, residual_path)
        )
        for y0 in range(0, ny, rows_per_block):
            y1 = min(y0 + rows_per_block, ny)
            model = painter.draw(sources, y0, y1, nx)
            sci, ivar = mosaic.region(y0, y1, 0, nx)
            model_file.write(model.astype(np.float32))
            residual_file.write(np.where(ivar > 0, sci - model, np.nan).astype(np.float32))


@contextlib.contextmanager
def _image_file(path, mosaic, cards):
    """FITS file of one image like a mosaic, written by rows."""
    ny, nx = mosaic.shape
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", nx), ("NAXIS2", ny)])
    header["BUNIT"] = "nJy"
    header["CPVERS"] = (__version__, "clusterphot version")
    header.update(cards)
    header.extend(
        mosaic.cards if mosaic.cards is not None else mosaic.wcs.to_header(), strip=True, unique=True
    )
    header.remove("EXTNAME", ignore_missing=True)
    with whole_file(path) as temporary:
        image = fits.StreamingHDU(temporary, header)
        try:
            yield image
        finally:
            image.close()
