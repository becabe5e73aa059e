"""Files of PSFs at a grid of positions, as STPSF writes them and `photutils.psf.GriddedPSFModel.read` reads them."""

import numpy as np
from astropy.io import fits

from clusterphot.base.products import write_fits

MAX_PLACES = 100
"""Keywords of FITS have eight letters, of which DET_YX leaves two."""


def write_psf_grid(path, stamps, positions_px, *, oversampling, pixel_scale_arcsec, filter_name):
    """Write PSFs at a grid of positions on a mosaic.

    Parameters
    ----------
    path : str
    stamps : (m, n, n) float ndarray, odd n
        Of sources of unit flux: shares of the light in a mosaic pixel centred on each sample, such as
        `clusterphot.optics.drizzle.stamps_on_mosaic` makes. Their sums are oversampling^2 where all light is inside,
        as photutils takes them.
    positions_px : (m, 2) float array-like
        x and y on the mosaic, 0-based: all combinations of a few x and a few y, at least two of each, in any order.
    oversampling : int
        Samples per mosaic pixel.
    pixel_scale_arcsec : float
        Of the mosaic.
    filter_name : str

    Raises
    ------
    ValueError
        If sides are even, or positions are not those of the stamps, no grid, or more than 100.

    Notes
    -----
    One image [place, y, x]; the header has OVERSAMP, PIXELSCL (arcsec a sample), FILTER, EESTAMP (mean share of the
    light inside a stamp) and for each place DET_YX<k> = "(x, y)". STPSF names these the other way round, and writes
    its places in that order; photutils reads the first as x.
    """
    stamps, positions = np.asarray(stamps, dtype=np.float32), np.asarray(positions_px, dtype=float)
    if stamps.ndim != 3 or stamps.shape[1] != stamps.shape[2] or stamps.shape[1] % 2 == 0:
        raise ValueError(f"stamps: shape {stamps.shape}, expected (m, n, n) with odd n")
    along = [len(np.unique(axis)) for axis in positions.T]
    is_grid = min(along) > 1 and len(positions) == len(np.unique(positions, axis=0)) == np.prod(along)
    if positions.shape != (len(stamps), 2) or not is_grid or len(positions) > MAX_PLACES:
        expected = f"a grid of {len(stamps)} (x, y), at most {MAX_PLACES}"
        raise ValueError(f"positions_px: shape {positions.shape}, expected {expected}")
    order = np.lexsort(positions.T)  # by y, then x
    image = fits.PrimaryHDU(stamps[order])
    header = image.header
    header["FILTER"] = filter_name
    header["OVERSAMP"] = (int(oversampling), "samples per mosaic pixel")
    header["PIXELSCL"] = (pixel_scale_arcsec / oversampling, "[arcsec] of a sample")
    header["EESTAMP"] = (
        float(stamps.sum(axis=(1, 2)).mean() / oversampling**2),
        "mean share of light in a stamp",
    )
    header["COMMENT"] = "Samples: share of a point source's total light in a pixel of the mosaic"
    header["COMMENT"] = "centred there. Sum over OVERSAMP^2: the share inside the stamp, as EESTAMP."
    for k, (x, y) in enumerate(positions[order]):
        header[f"DET_YX{k}"] = (str((float(x), float(y))), "(x, y) of the mosaic, 0-based")
    write_fits(path, [image])
