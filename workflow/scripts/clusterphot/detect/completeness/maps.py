"""Map of the limiting magnitude over a field, in cells of the coarse maps of the search. Magnitudes AB."""

import numpy as np
from astropy.io import fits

from clusterphot.base.products import open_fits, write_fits
from clusterphot.detect.completeness.summary import LIMITS, limit_map


def write_limits(path, maps_path, completeness):
    """Write the magnitudes of 50 and 90 % completeness per cell.

    Parameters
    ----------
    path : str
    maps_path : str
        Written by `clusterphot.detect.tiles.write_maps`; its noise is that of the reference filter, whose
        structure is taken for that of all.
    completeness : `clusterphot.detect.completeness.summary.Completeness`
    """
    with open_fits(maps_path) as hdus:
        header = hdus["NOISE"].header
        noise, light = (np.asarray(hdus[name].data, dtype=float) for name in ("NOISE", "LIGHT"))
    known = np.isfinite(noise)
    relative = noise / np.median(noise[known]) if known.any() else noise
    hdus = [fits.PrimaryHDU()]
    for percent in LIMITS:
        image = limit_map(completeness, relative * completeness.noise[0], light, percent / 100)
        hdu = fits.ImageHDU(image, header, name=f"MAG_{percent}")
        hdu.header["BUNIT"] = "mag"
        hdus.append(hdu)
    write_fits(path, hdus)
