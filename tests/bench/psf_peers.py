"""Other PSFs from the stars that ours were built from: PSFEx, Piff and photutils' EPSFBuilder.

Each is given stamps of these stars, neighbours masked and the sky of a ring around them subtracted, and is asked for
its PSF at places of the mosaic, which is brought to a sum of 1 on its stamp, as its users have it. Settings are the
best of those tried on fields that the bench does not use (seeds 201, 311, 331); they are told with each.
"""

import resource
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning
from clusterphot.base.images import crop, polynomial_terms, radius_grid
from clusterphot.base.robust import mad_sigma
from clusterphot.psf.star_fits import SKY_ORDER
from psf_measures import cut

STAMP_ARCSEC = 2.0
"""Side of the stamps, that of ours by default."""

RING_ARCSEC = (1.1, 1.5)
"""Ring around a star, outside its stamp, from which its sky is taken: a mesh of several arcsec does not follow the
light of galaxies, and a ring on the stamp takes 3 % of the star's light for sky."""

MIN_RING_SHARE = 0.25
"""A star with fewer good pixels in its ring is left out."""

RING_CLIP_SIGMA, RING_TURNS = 2.5, 4
"""Pixels of the ring farther from its polynomial are left out, and how often it is fitted."""

APERTURE_ARCSEC = 0.3
"""Radius of the flux by which stars are scaled to each other before they are combined."""

MIN_SNR = 5.0
"""Stars with less, whose core is masked, spoil what others make."""

CUT_MARGIN_PX = 2
"""Largest distance of a star from its place in the list: offsets between bands are less than a pixel."""

MASKED = -1e30
"""PSFEx leaves pixels of this value out."""

PSFEX_DEGREES = (0, 1)
"""Of the polynomial in x and y: with thirty stars one PSF did better, with more a plane may."""

PIFF_ORDERS, PIFF_MAX_SNR = (0, 1), 100.0
"""Of the polynomial in u and v; stars of more signal to noise count as if they had this, Piff's default for images."""

PIFF_ARCSEC = {"short": 0.62, "long": 1.0}
"""Side of the grid of Piff by channel, a sample a pixel: time grows with the fourth power of the side."""

PIFF_MAX_STARS = 150
"""It holds 10 MB for each star; of more stars every second, third and so on is given."""

PIFF_VERSION = "1.7.0"
"""What `install_piff` installs, with what it needs, into an environment of its own."""


@dataclass(frozen=True)
class StarSet:
    """Stamps of the stars of a filter.

    Attributes
    ----------
    ids : (n,) int ndarray
        Of the star list.
    x, y : (n,) float ndarray
        Positions on the mosaic.
    data, ivar : (n, m, m) float ndarray, nJy/pixel
        About the pixel nearest to the position, less their sky; pixels with ivar 0 are left out.
    flux, flux_err : (n,) float ndarray
        Within `APERTURE_ARCSEC`.
    """

    filter_name: str
    pixel_scale_arcsec: float
    gain_e_per_njy: float
    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray
    data: np.ndarray
    ivar: np.ndarray
    flux: np.ndarray
    flux_err: np.ndarray

    def __len__(self):
        """Number of stars."""
        return len(self.ids)

    def without(self, ids):
        """The other stars."""
        kept = ~np.isin(self.ids, ids)
        names = ("ids", "x", "y", "data", "ivar", "flux", "flux_err")
        return StarSet(
            self.filter_name,
            self.pixel_scale_arcsec,
            self.gain_e_per_njy,
            *(getattr(self, name)[kept] for name in names),
        )


def star_set(mosaic, stars, notes):
    """Stars that our PSF of a filter was made from, but for saturated ones, which the others do not take.

    Parameters
    ----------
    mosaic : `clusterphot.base.products.Mosaic`
    stars : `astropy.table.Table`
        The star list.
    notes : `astropy.table.Table`
        Extension STARS of psf.fits.
    """
    from clusterphot.psf.core import cut_stars

    scale = mosaic.pixel_scale_arcsec
    half = round(STAMP_ARCSEC / 2 / scale)
    used = notes[(np.char.strip(np.asarray(notes["used"], dtype=str)) != "") & ~notes["saturated"]]
    place = {int(row["id"]): (float(row["x"]), float(row["y"])) for row in used}
    outer = round(RING_ARCSEC[1] / scale)
    radius = radius_grid(outer) * scale
    ring, disc = (radius > RING_ARCSEC[0]) & (radius < RING_ARCSEC[1]), crop(radius, half) < APERTURE_ARCSEC
    rows = []
    for star in cut_stars(mosaic, stars, outer + CUT_MARGIN_PX):
        number = int(stars["id"][star.row])
        if number not in place or star.saturated:
            continue
        # about the pixel of the position that was fitted, which may not be that of the list
        moved = [round(there) - here for there, here in zip(place[number], (star.x0, star.y0), strict=True)]
        if max(np.abs(moved)) > CUT_MARGIN_PX:
            continue
        data, ivar = (
            crop(np.roll(part, (-moved[1], -moved[0]), (0, 1)), outer) for part in (star.data, star.ivar)
        )
        if np.mean(ivar[ring] > 0) < MIN_RING_SHARE:
            continue
        level = crop(ring_sky(data, ring & (ivar > 0)), half)
        data, ivar = crop(data, half), crop(ivar, half)
        data = np.where(ivar > 0, data - level, 0.0)
        flux, error = data[disc].sum(), np.sqrt(np.sum(1.0 / ivar[disc & (ivar > 0)]))
        if flux > MIN_SNR * error:
            rows.append((number, *place[number], data, ivar, flux, error))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return StarSet(mosaic.filter_name, scale, mosaic.gain_e_per_njy or np.inf, *columns)


def ring_sky(data, use):
    """Polynomial of a sky of second order, as our fits have it, through the pixels in use of a stamp, on all of it.

    The median of the ring would be too much, by 8 % of a faint star's light: stars are chosen where no light of
    galaxies is near, and that light falls steeply.
    """
    terms, kept = polynomial_terms(len(data) // 2, SKY_ORDER), use
    for _ in range(RING_TURNS):
        sky = np.tensordot(np.linalg.lstsq(terms[:, kept].T, data[kept], rcond=None)[0], terms, axes=1)
        left = np.abs(data - sky)
        fewer = use & (left <= RING_CLIP_SIGMA * mad_sigma((data - sky)[use]))
        kept = fewer if 2 * fewer.sum() > use.sum() else kept
    return sky


def middle_of(stars):
    """Pixels (n, 2) of the mosaic in the middle of the stamps."""
    return np.rint(np.stack([stars.x, stars.y], axis=1))


def on_stamp(image, half_px):
    """An odd image cut, or padded with zeros, to half a side, with sum 1."""
    image = cut(image, half_px)
    return image / image.sum()


# ---- PSFEx ------------------------------------------------------------------------------------------------------


class Psfex:
    """PSFEx of Bertin (2011); samples are pixels of the mosaic.

    Parameters
    ----------
    degree : int
        Of the polynomial in x and y; 0 for one PSF.
    """

    def __init__(self, degree):
        self.degree = degree
        self.name = f"PSFEx, degree {degree}"

    def radius_arcsec(self, _stars):
        """Where its PSFs end."""
        return STAMP_ARCSEC / 2

    def missing(self):
        """Why it cannot be run, or nothing."""
        return "" if shutil.which("psfex") else "no program psfex (Debian and Ubuntu: apt-get install psfex)"

    def version(self):
        """As it tells it."""
        said = subprocess.run(["psfex", "--version"], capture_output=True, text=True, check=True).stdout
        return said.split()[2]

    def settings(self):
        """Settings other than the default, in words."""
        return (
            f"PSFVAR_DEGREES {self.degree}, PSF_SIZE of the stamps, PSF_SAMPLING 1, PSF_RECENTER Y, every star taken "
            "(SAMPLE_AUTOSELECT N, limits open)"
        )

    def build(self, stars, folder):
        """Function of places (n, 2) that gives PSFs (n, m, m), and the CPU seconds it took."""
        folder.mkdir(parents=True, exist_ok=True)
        write_ldac(folder / "stars.cat", stars)
        side = stars.data.shape[-1]
        # the middle of the range is what it takes for the FWHM; the radius that holds half the light is half of it
        widest = 4.0 * np.median(half_light_radius(stars))
        options = {
            "PSF_SAMPLING": 1.0, "PSF_SIZE": f"{side},{side}", "PSF_RECENTER": "Y", "PSFVAR_DEGREES": self.degree,
            "SAMPLE_AUTOSELECT": "N", "SAMPLE_FWHMRANGE": f"0.1,{widest:.2f}", "SAMPLE_MINSN": 1,
            "SAMPLE_MAXELLIP": 1.0, "SAMPLE_FLAGMASK": 0, "CHECKPLOT_DEV": "NULL", "CHECKPLOT_TYPE": "NONE",
            "CHECKIMAGE_TYPE": "NONE", "WRITE_XML": "N", "VERBOSE_TYPE": "QUIET", "NTHREADS": 1,
        }  # fmt: skip
        command = ["psfex", "stars.cat", "-c", "/dev/null"]
        command += [str(word) for key, value in options.items() for word in (f"-{key}", value)]
        seconds = run_child(command, folder)
        return read_psfex(folder / "stars.psf", side // 2), seconds


def write_ldac(path, stars):
    """Write stars as SExtractor does for PSFEx: a catalogue of type FITS_LDAC with VIGNET."""
    side = stars.data.shape[-1]
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 10000, "NAXIS2": 10000})
    header["SEXBKDEV"] = 1.0 / np.sqrt(np.median(stars.ivar[stars.ivar > 0]))
    header["SEXGAIN"] = stars.gain_e_per_njy if np.isfinite(stars.gain_e_per_njy) else 0.0
    # A card after the last one ends in a letter: spaces at the end of a string are written as zero bytes, on which
    # PSFEx ends.
    cards = header.tostring(sep="", endcard=True, padding=False).ljust(80 * (len(header) + 1)) + f"{'.':>80}"
    head = fits.BinTableHDU.from_columns(
        [fits.Column("Field Header Card", f"{len(cards)}A", array=np.array([cards]))], name="LDAC_IMHEAD"
    )
    head.header["TDIM1"] = f"(80, {len(cards) // 80})"
    values = {
        "X_IMAGE": stars.x + 1, "Y_IMAGE": stars.y + 1, "FLUX_APER": stars.flux, "FLUXERR_APER": stars.flux_err,
        "SNR_WIN": stars.flux / stars.flux_err, "FLUX_RADIUS": half_light_radius(stars),
        "ELONGATION": np.ones(len(stars)),
    }  # fmt: skip
    vignets = np.where(stars.ivar > 0, stars.data, MASKED)
    columns = [fits.Column(name, "1E", array=value) for name, value in values.items()]
    columns += [fits.Column("FLAGS", "1I", array=np.zeros(len(stars)))]
    columns += [fits.Column("VIGNET", f"{side * side}E", dim=f"({side}, {side})", array=vignets)]
    objects = fits.BinTableHDU.from_columns(columns, name="LDAC_OBJECTS")
    fits.HDUList([fits.PrimaryHDU(), head, objects]).writeto(path, overwrite=True)


def half_light_radius(stars):
    """Radius (px) with half of the flux in `APERTURE_ARCSEC`, of each star."""
    radius = radius_grid(stars.data.shape[-1] // 2)
    order = np.argsort(radius, axis=None)
    grown = np.cumsum(stars.data.reshape(len(stars), -1)[:, order], axis=1)
    return np.array(
        [
            radius.ravel()[order][np.argmax(curve > 0.5 * flux)]
            for curve, flux in zip(grown, stars.flux, strict=True)
        ]
    )


def read_psfex(path, half_px):
    """The model of a file of PSFEx whose samples are pixels."""
    with fits.open(path) as hdus:
        header, cube = hdus[1].header, np.array(hdus[1].data["PSF_MASK"][0], dtype=float)
    degree = header["POLDEG1"] if header["POLNAXIS"] else 0
    zero = [header.get(f"POLZERO{axis}", 0.0) for axis in (1, 2)]
    unit = [header.get(f"POLSCAL{axis}", 1.0) for axis in (1, 2)]

    def psfs_at(places):
        """PSFs (n, m, m) at places (n, 2)."""
        u, v = ((places[:, axis] + 1 - zero[axis]) / unit[axis] for axis in (0, 1))
        terms = np.stack([u**i * v**j for j in range(degree + 1) for i in range(degree + 1 - j)], axis=1)
        return np.array([on_stamp(np.tensordot(row, cube, axes=1), half_px) for row in terms])

    return psfs_at


# ---- photutils --------------------------------------------------------------------------------------------------


class Epsf:
    """EPSFBuilder of photutils, after Anderson & King (2000): one PSF for the field."""

    name = "photutils EPSFBuilder"

    def radius_arcsec(self, _stars):
        """Where its PSF ends."""
        return STAMP_ARCSEC / 2

    def missing(self):
        """Nothing: it is among what the workflow uses."""
        return ""

    def version(self):
        """Of photutils."""
        import photutils

        return photutils.__version__

    def settings(self):
        """Settings other than the default, in words."""
        return "oversampling 1 (with 2, thirty stars left samples without a value); one PSF for the field"

    def build(self, stars, _folder):
        """Function of places (n, 2) that gives PSFs (n, m, m), and the CPU seconds it took."""
        from photutils.psf import EPSFBuilder, EPSFStar, EPSFStars

        start = time.process_time()
        half = stars.data.shape[-1] // 2
        offset = np.stack([stars.x, stars.y], axis=1) - middle_of(stars)
        cut = [
            EPSFStar(data, weights=(weight > 0).astype(float), cutout_center=half + shift, id_label=number)
            for number, data, weight, shift in zip(stars.ids, stars.data, stars.ivar, offset, strict=True)
        ]
        builder = EPSFBuilder(oversampling=1, progress_bar=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)  # tells of stars that it leaves out
            built = builder(EPSFStars(cut))[0]
        seconds = time.process_time() - start
        axis = np.arange(-half, half + 1, dtype=float)
        x, y = np.meshgrid(axis, axis)
        image = on_stamp(np.nan_to_num(built.evaluate(x, y, 1.0, 0.0, 0.0)), half)
        return (lambda places: np.broadcast_to(image, (len(places), *image.shape))), seconds


# ---- Piff -------------------------------------------------------------------------------------------------------


class Piff:
    """Piff of Jarvis et al. (2021): a grid of samples, each a polynomial in u and v.

    Parameters
    ----------
    environment : `pathlib.Path`
        Folder of a virtual environment with Piff, apart from that of the workflow.
    order : int
        0 for one PSF: with that it does not settle where it fits positions too (``centered``).
    """

    def __init__(self, environment, order):
        self.python, self.order, self.centered = python_of(environment), order, order > 0
        self.name = f"Piff, order {order}"

    def radius_arcsec(self, stars):
        """Where its PSFs end."""
        return (piff_side(stars) - 1) / 2 * stars.pixel_scale_arcsec

    def missing(self):
        """Why it cannot be run, or nothing."""
        return (
            ""
            if self.python.exists()
            else "not installed; --install-piff does it, in the folder of the bench"
        )

    def version(self):
        """Of Piff."""
        said = subprocess.run(
            [self.python, "-c", "import importlib.metadata as m; print(m.version('piff'))"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return said.strip()

    def settings(self):
        """Settings, in words."""
        sides = " and ".join(f'{side}" ({channel} filters)' for channel, side in PIFF_ARCSEC.items())
        return (
            f"PixelGrid of {sides}, a sample a pixel, centered {self.centered}, BasisPolynomial of order {self.order}, "
            f"stars of S/N above {PIFF_MAX_SNR:g} weighted as if they had that, no outliers (ChisqOutliers "
            f"spoilt it), {PIFF_MAX_STARS} stars at most"
        )

    def build(self, stars, folder):
        """Function of places (n, 2) that gives PSFs (n, m, m), and the CPU seconds it took."""
        folder.mkdir(parents=True, exist_ok=True)
        half, scale = stars.data.shape[-1] // 2, stars.pixel_scale_arcsec
        script = Path(__file__).with_name("psf_piff.py")
        given, found = folder / "stars.npz", folder / "psf.npz"
        side, every = piff_side(stars), -(-len(stars) // PIFF_MAX_STARS)
        middle = slice(half - side // 2, half + side // 2 + 1)
        data, weight = (part[::every, middle, middle] for part in (stars.data, weights_with_photons(stars)))
        np.savez(
            given, data=data, weight=weight, place=np.stack([stars.x, stars.y], axis=1)[::every], scale=scale,
            size=side, order=self.order, centered=self.centered,
        )  # fmt: skip
        seconds = run_child([self.python, script, "fit", given, folder / "piff.out"], folder)

        def psfs_at(places):
            """PSFs (n, m, m) at places (n, 2)."""
            np.savez(folder / "places.npz", places=places, scale=scale, side=2 * half + 1)
            run_child(
                [self.python, script, "draw", folder / "piff.out", folder / "places.npz", found], folder
            )
            return np.array([on_stamp(image, half) for image in np.load(found)["psfs"]])

        return psfs_at, seconds


def piff_side(stars):
    """Samples along a side of the grid, odd."""
    from clusterphot.optics.bands import channel

    return 2 * int(PIFF_ARCSEC[channel(stars.filter_name)] / stars.pixel_scale_arcsec / 2) + 1


def weights_with_photons(stars):
    """Inverse variances (n, m, m) with the photons of the stars, none of them of more than `PIFF_MAX_SNR`."""
    good = stars.ivar > 0
    variance = 1.0 / np.where(good, stars.ivar, 1.0) + np.maximum(stars.data, 0.0) / stars.gain_e_per_njy
    snr = np.sqrt(np.sum(np.where(good, stars.data**2 / variance, 0.0), axis=(1, 2), keepdims=True))
    return np.where(good, np.minimum(PIFF_MAX_SNR / snr, 1.0) ** 2 / variance, 0.0)


def all_peers(environment):
    """All of them, whether they are installed or not."""
    pieces = [Psfex(degree) for degree in PSFEX_DEGREES] + [Piff(environment, order) for order in PIFF_ORDERS]
    return [*pieces, Epsf()]


def python_of(environment):
    """The Python of a virtual environment."""
    return Path(environment) / "bin" / "python"


def install_piff(environment):
    """Make a virtual environment with Piff."""
    python = python_of(environment)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"piff=={PIFF_VERSION}"], check=True)


def run_child(command, folder):
    """Run a program in a folder; its CPU seconds. What it says is shown where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{command[0]}: ended with {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def notes_of(path):
    """Extension STARS of a psf.fits."""
    with fits.open(path) as hdus:
        return Table(hdus["STARS"].data)
