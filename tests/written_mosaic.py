"""A mosaic as `prepare_mosaic` leaves it, written whole; those of a run are streamed."""

import numpy as np
from astropy.io import fits
from clusterphot.base.products import IVAR_UNIT, mosaic_header, write_fits


def write_mosaic(path, mosaic):
    """Write a `clusterphot.base.products.Mosaic`."""
    header = mosaic_header(mosaic.wcs, mosaic.pixel_scale_arcsec, mosaic.filter_name, mosaic.field)
    if mosaic.gain_e_per_njy is not None:
        header["GAIN"] = (mosaic.gain_e_per_njy, "[electron/nJy]")
    sci = fits.ImageHDU(np.asarray(mosaic.sci, dtype=np.float32), header, name="SCI")
    sci.header["BUNIT"] = "nJy"
    ivar = fits.ImageHDU(np.asarray(mosaic.ivar, dtype=np.float32), header, name="IVAR")
    ivar.header["BUNIT"] = IVAR_UNIT
    write_fits(path, [fits.PrimaryHDU(), sci, ivar])
