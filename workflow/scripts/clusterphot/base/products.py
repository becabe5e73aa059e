"""FITS files that pass from rule to rule: mosaics, PSFs, cutouts and noise models.

Images are float32 on disk and float64 in memory; nJy per pixel, inverse variance 1/(nJy/pixel)^2
with 0 for a pixel that must not be used. Files appear whole or not at all.
"""

import contextlib
import io
import mmap
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from clusterphot.base.errors import DataError
from clusterphot.base.files import own_file, way_out, whole_file

if TYPE_CHECKING:
    from astropy.wcs import WCS

IVAR_UNIT = "1/nJy2"


@dataclass(frozen=True)
class Mosaic:
    """One filter's image of a field, read by region so that it is never in memory as a whole.

    Attributes
    ----------
    sci, ivar : (ny, nx) arrays or memory maps, nJy/pixel and 1/(nJy/pixel)^2
    wcs : `astropy.wcs.WCS`
    pixel_scale_arcsec : float
    filter_name, field : str
    gain_e_per_njy : float or None
        Electrons per nJy, where the source's own Poisson noise is to be added to 1/ivar.
    input_name : str
        Name of the user's file that it was converted from, for messages.
    cards : mapping or None
        Its header.
    ivar_scale : float
        Factor on the inverse variance that `region` gives, see `calibrated`.
    """

    sci: np.ndarray
    ivar: np.ndarray
    wcs: "WCS"
    pixel_scale_arcsec: float
    filter_name: str = ""
    field: str = ""
    gain_e_per_njy: float | None = None
    input_name: str = ""
    cards: Mapping | None = None
    ivar_scale: float = 1.0

    @property
    def label(self):
        """How messages call this mosaic: by the user's file, else by field and filter."""
        return self.input_name or f"mosaic {self.field} {self.filter_name}"

    @property
    def shape(self):
        """Shape [y, x] of the image in pixels."""
        return self.sci.shape

    def region(self, y0, y1, x0, x1):
        """Copies of ``sci[y0:y1, x0:x1]`` and scaled ivar in float64; zero with ivar 0 outside the image."""
        sci = np.zeros((y1 - y0, x1 - x0))
        ivar = np.zeros_like(sci)
        ny, nx = self.shape
        ya, yb, xa, xb = max(y0, 0), min(y1, ny), max(x0, 0), min(x1, nx)
        if ya < yb and xa < xb:
            inside = np.s_[ya - y0 : yb - y0, xa - x0 : xb - x0]
            sci[inside] = _opened_anew(self.sci)[ya:yb, xa:xb]
            ivar[inside] = _opened_anew(self.ivar)[ya:yb, xa:xb]
            ivar[inside] *= self.ivar_scale
        return sci, ivar


def _opened_anew(plane):
    """The same memory map opened once more: closed after use, it takes the pages it read from memory."""
    if isinstance(plane, np.memmap) and isinstance(plane.base, mmap.mmap):
        return np.memmap(plane.filename, plane.dtype, "r", plane.offset, plane.shape)
    return plane


@dataclass(frozen=True)
class Psf:
    """Point spread function of one filter on the mosaic's pixels.

    Attributes
    ----------
    data : (n, n) float ndarray, odd n
        Sum 1, centred on the middle pixel.
    ee_stamp : float
        Fraction of a point source's total light inside the stamp.
    sys_error : float
        Fractional 1-sigma error of the flux scale due to the PSF, common to all sources.
    phase_error : float
        Fractional 1-sigma error of the flux of a single source by dither phase, random from source to source.
    fwhm_error : float
        Fractional 1-sigma error of the width of the core; NaN where it is not known.
    grid_path : str
        File of the PSF over the field, for programs that read it themselves; empty for one in memory.
    """

    data: np.ndarray
    pixel_scale_arcsec: float
    filter_name: str = ""
    ee_stamp: float = 1.0
    sys_error: float = 0.0
    fwhm_arcsec: float = float("nan")
    n_stars: int = 0
    flags: int = 0
    meta: dict = field(default_factory=dict)
    phase_error: float = 0.0
    fwhm_error: float = float("nan")
    grid_path: str = ""

    @property
    def terms(self):
        """Images (k, n, n) whose sum, with the `weights` of a place, is the PSF there per unit of a source's light.

        One, the same everywhere; `clusterphot.base.psf_field.PsfField` has more.
        """
        return (self.data * self.ee_stamp)[None]

    def weights(self, x, _y):
        """Weights (n, k) of the terms at places (n,) of the mosaic."""
        return np.ones((len(x), 1))

    def at(self, _x, _y):
        """The PSF at a place of the mosaic; x and y in pixels, 0-based."""
        return self

    def mean(self, _x, _y, _shares=None):
        """Mean of the PSFs at places (n,) of the mosaic with shares (n,) of the light."""
        return self

    def sys_errors(self, x, _y):
        """``sys_error`` (n,) of sources at places (n,) of the mosaic."""
        return np.full(len(x), self.sys_error)


@dataclass(frozen=True)
class Noise:
    """Noise of one filter as measured on blank sky.

    Attributes
    ----------
    correlation : (2k+1, 2k+1) float ndarray
        Autocorrelation at integer pixel lags, 1 at the centre.
    ivar_scale : float
        Factor that turns the mosaic's inverse variance into that of single pixels of blank sky.
    deep_ivar : float or None
        The mosaic's inverse variance, as stated, where it is deepest: what its gain is meant for.
    parts : tuple of `Noise`
        Of the parts of the mosaic whose noise is not the same, from shallow to deep; none where it is one.
    edges : tuple of float
        Stated inverse variances at which one part ends and the next begins, one fewer than the parts.
    """

    correlation: np.ndarray
    ivar_scale: float
    filter_name: str = ""
    meta: dict = field(default_factory=dict)
    deep_ivar: float | None = None
    parts: tuple = ()
    edges: tuple = ()

    def part_of(self, ivar):
        """Number (n,) of the part of places with these inverse variances, as the mosaic states them."""
        return np.searchsorted(self.edges, ivar, side="right")

    def photon_growth(self, ivar, gain_e_per_njy):
        """Variance of a pixel by photons over that of blank sky, per nJy of light in it.

        Parameters
        ----------
        ivar : float ndarray
            Inverse variances as the mosaic states them.
        gain_e_per_njy : float
            Electrons per nJy where the mosaic is deepest.

        Returns
        -------
        growth : float or float ndarray, 1/nJy

        Notes
        -----
        With weights w, variances 1/w + light/gain are those of pixels that are independent; drizzling shrinks both
        parts alike. Where fewer exposures lie, the gain is smaller as the weight is: the ratio stays that of the
        deepest part.
        """
        return (ivar if self.deep_ivar is None else self.deep_ivar) / gain_e_per_njy


def calibrated(mosaic, noise):
    """The mosaic with weights that conserve the information of blank sky, whatever kind of weights it came with.

    Sums and fits over several pixels then have the error that independent pixels of these weights would have:
    smaller than 1 / sigma^2 of single pixels by the sum of the noise's correlation, as grizli's weights are.

    Parameters
    ----------
    mosaic : Mosaic
    noise : Noise
        Of this mosaic.
    """
    return replace(mosaic, ivar_scale=noise.ivar_scale / max(float(noise.correlation.sum()), 1.0))


@dataclass(frozen=True)
class Cutouts:
    """Square cutouts of a chunk of sources in one filter.

    Attributes
    ----------
    ids : list of str, length n
    data, ivar : (n, m, m) float ndarray, odd m
    x0, y0 : (n,) int ndarray
        Mosaic pixel of cutout pixel [0, 0].
    x, y : (n,) float ndarray
        Expected position in mosaic pixels, from the source list and the filter's WCS.
    neighbours : list of n lists of (id, x, y)
        Other listed sources in or near the cutout, mosaic pixels.
    """

    ids: list
    data: np.ndarray
    ivar: np.ndarray
    x0: np.ndarray
    y0: np.ndarray
    x: np.ndarray
    y: np.ndarray
    neighbours: list
    pixel_scale_arcsec: float
    filter_name: str = ""
    gain_e_per_njy: float | None = None

    def take(self, rows):
        """The same of some of the sources."""
        lists = {name: [getattr(self, name)[row] for row in rows] for name in ("ids", "neighbours")}
        arrays = {name: getattr(self, name)[rows] for name in ("data", "ivar", "x0", "y0", "x", "y")}
        return replace(self, **lists, **arrays)

    @property
    def typical_ivar(self):
        """Median inverse variance (n,) of the valid pixels of each; 0 where there is none."""
        ivar = np.where(self.ivar > 0, self.ivar, np.nan).reshape(len(self.ids), -1)
        typical = np.zeros(len(ivar))
        some = np.isfinite(ivar).any(axis=1)
        typical[some] = np.nanmedian(ivar[some], axis=1)
        return typical


@contextlib.contextmanager
def open_fits(path):
    """Open a FITS file of this workflow for reading, its images in memory when asked for.

    Raises
    ------
    DataError
        If it is shorter than its headers say, its checksums are not those that it was written with, or something that
        belongs to it is missing.
    """
    with own_file(path), warnings.catch_warnings():
        warnings.simplefilter("error", AstropyUserWarning)  # a checksum that fails, a file that was cut
        content = io.BytesIO(Path(path).read_bytes())
        with fits.open(content, memmap=False, lazy_load_hdus=False, checksum=True) as hdus:
            yield hdus


def write_fits(path, hdus):
    """Write a list of HDUs, the first one primary, whole or not at all."""
    with whole_file(path) as temporary:
        fits.HDUList(hdus).writeto(temporary, output_verify="exception", checksum=True)


def pixel_scale(wcs):
    """Pixel scale of a celestial WCS in arcsec: geometric mean of the two axes."""
    from astropy.wcs.utils import proj_plane_pixel_scales

    return float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs.celestial)))) * 3600.0


def mosaic_header(wcs, pixel_scale_arcsec, filter_name, field_name):
    """Header shared by the extensions of a mosaic: WCS and what the path's wildcards say."""
    header = wcs.to_header(relax=True)
    header["FILTER"] = filter_name
    header["FIELD"] = field_name
    header["PIXSCALE"] = (pixel_scale_arcsec, "[arcsec]")
    return header


def read_mosaic(path):
    """Open a mosaic written by this workflow as memory maps; pixels are read when a region is."""
    from astropy.wcs import WCS

    with own_file(path), fits.open(path) as hdus:
        header = hdus["SCI"].header
        sci, ivar = (
            np.memmap(path, ">f4", "r", hdus[name].fileinfo()["datLoc"], hdus[name].shape)
            for name in ("SCI", "IVAR")
        )
    return Mosaic(
        sci=sci,
        ivar=ivar,
        wcs=WCS(header),
        pixel_scale_arcsec=header["PIXSCALE"],
        filter_name=header["FILTER"],
        field=header["FIELD"],
        gain_e_per_njy=header.get("GAIN"),
        input_name=header.get("SCIFILE", ""),
        cards=header,
    )


PIXEL_CHECK = "PIXCRC"
"""Card of a mosaic's first header: CRC-32 of the bytes of SCI, then of IVAR, in hexadecimal digits."""

CHECKED_BYTES = 1 << 24
"""Read at a time, so that a mosaic is never in memory as a whole."""


def pixel_check(sci_crc, ivar_crc):
    """Value of the card `PIXEL_CHECK`, always as long."""
    return f"{sci_crc:08x} {ivar_crc:08x}"


def verify_pixels(path):
    """Refuse a mosaic of this workflow whose pixels are not those that were written.

    Raises
    ------
    DataError
        If they are not.
    """
    with own_file(path), fits.open(path) as hdus:
        written = hdus[0].header.get(PIXEL_CHECK)
        places = [
            (hdus[name].fileinfo()["datLoc"], 4 * int(np.prod(hdus[name].shape))) for name in ("SCI", "IVAR")
        ]
    sums = []
    with open(path, "rb") as file:
        for start, n_bytes in places:
            file.seek(start)
            crc = 0
            for done in range(0, n_bytes, CHECKED_BYTES):
                crc = zlib.crc32(file.read(min(CHECKED_BYTES, n_bytes - done)), crc)
            sums.append(crc)
    if written != pixel_check(*sums):
        raise DataError(
            path,
            "a damaged file (pixels that were not written so)",
            "a whole one, as this workflow writes it",
            way_out(path),
        )


def read_wcs(path):
    """WCS of a mosaic written by this workflow, from its header alone."""
    from astropy.wcs import WCS

    with own_file(path):
        return WCS(fits.getheader(path, "SCI"))


def write_psf(path, psf, *, extra_hdus=()):
    """Write a `Psf` as the primary image of ``path``; ``meta`` goes into its header."""
    primary = fits.PrimaryHDU(np.asarray(psf.data, dtype=np.float64))
    cards = {
        "FILTER": (psf.filter_name, ""),
        "PIXSCALE": (psf.pixel_scale_arcsec, "[arcsec]"),
        "EESTAMP": (psf.ee_stamp, "fraction of total light in this stamp"),
        "SYSERR": (psf.sys_error, "fractional 1-sigma error of the flux scale"),
        "PHASERMS": (psf.phase_error, "fractional error of a flux by dither phase"),
        "NSTARS": (psf.n_stars, "stars used for the core"),
        "FLAGS": (psf.flags, ""),
        "BUNIT": ("", "dimensionless, sum = 1"),
    }
    if np.isfinite(psf.fwhm_arcsec):
        cards["FWHM"] = (psf.fwhm_arcsec, "[arcsec]")
    if np.isfinite(psf.fwhm_error):
        cards["FWHMERR"] = (psf.fwhm_error, "fractional 1-sigma error of the width")
    for key, (value, comment) in cards.items():
        primary.header[key] = (value, comment)
    for key, value in psf.meta.items():
        primary.header[key] = value
    write_fits(path, [primary, *extra_hdus])


def read_psf(path):
    """Read a `Psf` written by `write_psf`."""
    with open_fits(path) as hdus:
        header = hdus[0].header
        return Psf(
            data=np.asarray(hdus[0].data, dtype=float),
            pixel_scale_arcsec=header["PIXSCALE"],
            filter_name=header["FILTER"],
            ee_stamp=header["EESTAMP"],
            sys_error=header["SYSERR"],
            fwhm_arcsec=header.get("FWHM", float("nan")),
            n_stars=header["NSTARS"],
            flags=header["FLAGS"],
            phase_error=header.get("PHASERMS", 0.0),
            fwhm_error=header.get("FWHMERR", float("nan")),
        )


def write_noise(path, noise):
    """Write a `Noise` model as one image with its scale in the header."""
    primary = fits.PrimaryHDU(np.asarray(noise.correlation, dtype=np.float64))
    primary.header["FILTER"] = noise.filter_name
    primary.header["IVSCALE"] = (noise.ivar_scale, "true over stated inverse variance")
    if noise.deep_ivar is not None:
        primary.header["IVDEEP"] = (noise.deep_ivar, "stated inverse variance where deepest")
    for key, value in noise.meta.items():
        primary.header[key] = value
    hdus = [primary]
    if noise.parts:
        cube = fits.ImageHDU(np.stack([part.correlation for part in noise.parts]), name="PARTS")
        for number, part in enumerate(noise.parts):
            cube.header[f"IVSCL{number}"] = (part.ivar_scale, "true over stated inverse variance")
        for number, edge in enumerate(noise.edges):
            cube.header[f"IVEDG{number}"] = (edge, "stated inverse variance at which a part ends")
        hdus.append(cube)
    write_fits(path, hdus)


def read_noise(path):
    """Read a `Noise` model written by `write_noise`."""
    with open_fits(path) as hdus:
        header = hdus[0].header
        correlation = np.asarray(hdus[0].data, dtype=float)
        noise = Noise(correlation, header["IVSCALE"], header["FILTER"], deep_ivar=header.get("IVDEEP"))
        if "PARTS" not in hdus:
            return noise
        cards, cube = hdus["PARTS"].header, np.asarray(hdus["PARTS"].data, dtype=float)
        parts = tuple(
            replace(noise, correlation=part, ivar_scale=cards[f"IVSCL{number}"])
            for number, part in enumerate(cube)
        )
        return replace(
            noise, parts=parts, edges=tuple(cards[f"IVEDG{number}"] for number in range(len(cube) - 1))
        )


def write_cutouts(path, cutouts):
    """Write `Cutouts`: images SCI and IVAR of shape (n, m, m), tables SOURCES and NEIGHBOURS."""
    header = fits.Header({"FILTER": cutouts.filter_name, "PIXSCALE": cutouts.pixel_scale_arcsec})
    if cutouts.gain_e_per_njy is not None:
        header["GAIN"] = (cutouts.gain_e_per_njy, "[electron/nJy]")
    sources = Table(
        {
            "id": np.array(cutouts.ids, dtype=str),
            "x0": np.asarray(cutouts.x0, dtype=np.int64),
            "y0": np.asarray(cutouts.y0, dtype=np.int64),
            "x": np.asarray(cutouts.x, dtype=float),
            "y": np.asarray(cutouts.y, dtype=float),
        }
    )
    flat = [(i, *entry) for i, entries in enumerate(cutouts.neighbours) for entry in entries]
    columns = list(zip(*flat, strict=True)) if flat else [[], [], [], []]
    neighbours = Table(
        {
            "source": np.array(columns[0], dtype=np.int64),
            "id": np.array(columns[1], dtype=str),
            "x": np.array(columns[2], dtype=float),
            "y": np.array(columns[3], dtype=float),
        }
    )
    sci = fits.ImageHDU(np.asarray(cutouts.data, dtype=np.float32), name="SCI")
    sci.header["BUNIT"] = "nJy"
    ivar = fits.ImageHDU(np.asarray(cutouts.ivar, dtype=np.float32), name="IVAR")
    ivar.header["BUNIT"] = IVAR_UNIT
    tables = [
        fits.BinTableHDU(_encode_ids(table), name=name)
        for table, name in ((sources, "SOURCES"), (neighbours, "NEIGHBOURS"))
    ]
    write_fits(path, [fits.PrimaryHDU(header=header), sci, ivar, *tables])


def _encode_ids(table):
    """Ids as UTF-8 bytes, since FITS holds ASCII only."""
    table["id"] = np.char.encode(table["id"].astype(str), "utf-8") if len(table) else np.zeros(0, "S1")
    return table


def read_cutouts(path):
    """Read `Cutouts` written by `write_cutouts`."""
    with open_fits(path) as hdus:
        header = hdus[0].header
        sources, entries = hdus["SOURCES"].data, hdus["NEIGHBOURS"].data
        neighbours = [[] for _ in range(len(sources))]
        for row in entries:
            neighbours[row["source"]].append((_decode(row["id"]), float(row["x"]), float(row["y"])))
        return Cutouts(
            ids=[_decode(name) for name in sources["id"]],
            data=np.asarray(hdus["SCI"].data, dtype=float),
            ivar=np.asarray(hdus["IVAR"].data, dtype=float),
            x0=np.asarray(sources["x0"], dtype=np.int64),
            y0=np.asarray(sources["y0"], dtype=np.int64),
            x=np.asarray(sources["x"], dtype=float),
            y=np.asarray(sources["y"], dtype=float),
            neighbours=neighbours,
            pixel_scale_arcsec=header["PIXSCALE"],
            filter_name=header["FILTER"],
            gain_e_per_njy=header.get("GAIN"),
        )


def _decode(name):
    """Text of an id read from a FITS table, whose strings are bytes or Latin-1 text."""
    raw = name if isinstance(name, bytes) else str(name).encode("latin-1")
    return raw.decode("utf-8")
