"""A field's mosaics with what was measured of them, and sources of any kind measured on them as the list is.

Fluxes nJy, positions deg (ICRS) or mosaic pixels (0-based).
"""

from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from clusterphot.base.products import Mosaic, Noise, Psf, read_mosaic, read_noise
from clusterphot.base.psf_field import read_psf_field
from clusterphot.measure.cutouts import make_cutouts
from clusterphot.measure.fit import fit_sources
from clusterphot.psf.offsets import Offset, read_offset, with_offset_error


@dataclass(frozen=True)
class Band:
    """One filter of a field.

    Attributes
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    psf : `clusterphot.base.products.Psf` or `clusterphot.base.psf_field.PsfField`
    noise : `clusterphot.base.products.Noise`
    offset : `clusterphot.psf.offsets.Offset` or None
        From the reference filter; None in that filter itself.
    """

    mosaic: Mosaic
    psf: Psf
    noise: Noise
    offset: Offset | None = None

    @property
    def name(self):
        """The filter."""
        return self.mosaic.filter_name

    @property
    def shift_px(self):
        """(dx, dy) of a source's place in this image from that by the two WCS."""
        return (0.0, 0.0) if self.offset is None else (self.offset.dx, self.offset.dy)

    def pixels(self, ra, dec):
        """Places (n,), (n,) of this image at which sources appear."""
        x, y = self.mosaic.wcs.world_to_pixel_values(ra, dec)
        return x + self.shift_px[0], y + self.shift_px[1]


def read_bands(mosaics, psfs, psf_grids, noises, offsets, reference):
    """Bands of a field from their files, those of the reference filter first.

    Parameters
    ----------
    mosaics, psfs, psf_grids, noises : sequence of str
        One of each filter, in one order.
    offsets : sequence of str
        Of all filters but the reference one, in the same order.
    reference : str

    Returns
    -------
    bands : list of `Band`
    """
    bands, left = [], list(offsets)
    for mosaic, psf, grid, noise in zip(mosaics, psfs, psf_grids, noises, strict=True):
        opened = read_mosaic(mosaic)
        offset = None if opened.filter_name == reference else read_offset(left.pop(0))
        bands.append(Band(opened, read_psf_field(psf, grid), read_noise(noise), offset))
    return sorted(bands, key=lambda band: band.name != reference)


@dataclass(frozen=True)
class Manner:
    """How sources are cut out and fitted: as the list is.

    Attributes
    ----------
    options : `clusterphot.measure.fit.FitOptions`
    cutout_size_arcsec : float
    engine : str
    """

    options: object
    cutout_size_arcsec: float
    engine: str


def measure(bands, members, manner, *, painter=None, places=None):
    """Fits of some sources in all bands.

    Parameters
    ----------
    bands : list of `Band`
        The reference filter first.
    members : list of dict
        As `clusterphot.measure.cutouts.make_cutouts` takes them.
    manner : `Manner`
    painter : callable, optional
        Changes the cutouts of a band before they are fitted: ``painter(cutouts, band)``.
    places : (ra, dec), optional
        Positions (n,) at which sources are held in all bands, instead of those that the reference filter shows.

    Returns
    -------
    fits : list of `astropy.table.Table`
        From `clusterphot.measure.fit.fit_sources`, in the order of the bands.

    Notes
    -----
    Errors are without the part by dither phase, which nothing here has.
    """
    reference = None if places is None else _held(members, bands[0], places)
    fits = []
    for band in bands:
        cutouts = make_cutouts(
            band.mosaic,
            members,
            cutout_size_arcsec=manner.cutout_size_arcsec,
            neighbour_radius_arcsec=manner.options.joint_radius_arcsec,
        )
        if painter is not None:
            cutouts = painter(cutouts, band)
        fits.append(
            fit_sources(
                cutouts,
                band.psf if band.offset is None else with_offset_error(band.psf, band.offset),
                band.noise,
                band.mosaic.wcs,
                manner.options,
                reference=reference,
                offset_px=band.shift_px,
                engine=manner.engine,
                phase_error=np.zeros(len(members)),
            )
        )
        reference = fits[0] if reference is None else reference
    return fits


def _held(members, band, places):
    """Table as of fits in the reference filter that found sources without neighbours exactly at these places."""
    ids = [member["id"] for member in members]
    table = Table({"id": ids, "target_id": ids, "is_target": np.ones(len(ids), bool)})
    table["ra"], table["dec"] = places
    for name in ("x_err", "y_err", "xy_cov"):
        table[f"{name}_{band.name}"] = np.zeros(len(ids))
    table[f"flags_{band.name}"] = np.zeros(len(ids), int)
    table.meta |= {"filter": band.name, "pixel_scale_arcsec": band.mosaic.pixel_scale_arcsec}
    if band.mosaic.wcs.has_celestial:
        table.meta["pixel_matrix"] = band.mosaic.wcs.pixel_scale_matrix.tolist()
    return table
