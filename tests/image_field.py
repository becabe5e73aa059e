"""A field of two bands and thirty sources, simulated once for all tests; files as the DAWN JWST Archive's."""

import csv
import gzip
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

TABLE1 = Path(__file__).resolve().parents[1] / "resources" / "faisst2022" / "table1.csv"
FILTERS = ("F150W", "F200W")
SIZE_ARCSEC = 20.0
PIXEL_ARCSEC = 0.02
ODD_IDS = ("with space", "a/b", "ümläut-星", "50%", 'x,y "q"', "007", "#3")
OUTSIDE, EDGE = "outside", "edge"
CONFIG = """\
fields:
  mine:
    redshift: 0.39
    ebv: 0.18
    sources: sources.csv
    reference_filter: F200W
    mosaics:
      F150W: {sci: f150w_sci.fits.gz, wht: f150w_wht.fits, psf: f150w_psf.fits, zero_point_error: 0.02}
      F200W: {sci: f200w_sci.fits, wht: f200w_wht.fits}
figures: {dpi: 50}
sizes: {n_trials: 10, n_coverage_trials: 10}
"""
"""Eleven lines, as a user would write them; figures are small and simulations few, to be quick."""


@dataclass(frozen=True)
class DrawnField:
    """Where the field is, and what is in it.

    Attributes
    ----------
    folder : Path
        Holds mosaics, sources.csv and my.yaml.
    truth : `astropy.table.Table`
        Of the listed sources, in the order of the list; without the two that the image does not show.
    rows : list of dict
        Rows of sources.csv, as text.
    """

    folder: Path
    truth: object
    rows: list = field(default_factory=list)

    @property
    def ids(self):
        """Ids in the order of the list."""
        return [row["id"] for row in self.rows]

    def copy(self, folder):
        """Working directory of its own, with the mosaics as links."""
        folder.mkdir(parents=True)
        for path in self.folder.iterdir():
            if path.name.endswith((".fits", ".fits.gz")):
                (folder / path.name).symlink_to(path)
            else:
                shutil.copy2(path, folder)
        return folder


def draw_field(folder):
    """Simulate the field and write what a user has: mosaics, a PSF, a list of sources, ten lines of YAML."""
    import simulate_field
    from astropy.table import Table
    from clusterphot.base.user_tables import read_photometry
    from clusterphot.optics.pupil import pupil, write_pupil
    from clusterphot.simulate import truth as scene

    names, filters, flux, *_ = read_photometry(str(TABLE1), "test")
    clusters = Table({"id": names} | {f"flux_{filt}": flux[:, band] for band, filt in enumerate(filters)})
    config = scene.FieldConfig(
        field="mine",
        filters=FILTERS,
        size_arcsec=SIZE_ARCSEC,
        seed=3,
        noise="white",
        halo=0.3,
        n_members=4,
        n_stars=25,
        n_bright_stars=8,
        draw_clusters=True,
        n_clusters=28,
    )
    truth = scene.draw_scene(config, clusters)
    truth.write(folder / "truth_of_all.ecsv", format="ascii.ecsv")
    write_pupil(folder / "pupil.fits", pupil(config.optics()))
    for filt in FILTERS:
        paths = {kind: str(folder / f"{filt.lower()}_{kind}.fits") for kind in ("sci", "wht", "psf")}
        simulate_field.main(
            SimpleNamespace(
                wildcards=SimpleNamespace(filter=filt),
                input=SimpleNamespace(
                    truth=str(folder / "truth_of_all.ecsv"), pupil=str(folder / "pupil.fits")
                ),
                output=SimpleNamespace(**paths),
            )
        )
    compress(folder / "f150w_sci.fits")
    listed = truth[truth["kind"] == "cluster"]
    listed["id"] = [*ODD_IDS, *(f"SC_{number:03d}" for number in range(len(ODD_IDS), len(listed)))]
    rows = [
        {"id": str(row["id"]), "ra": f"{row['ra_listed']:.7f}", "dec": f"{row['dec_listed']:.7f}"}
        for row in listed
    ]
    rows.insert(4, {"id": OUTSIDE, **beside(config, 30.0, 0.0)})
    rows.append({"id": EDGE, **beside(config, 0.0, SIZE_ARCSEC / 2 - 0.1)})
    rows = [row | {"note": f"no. {number}", "rank": str(number)} for number, row in enumerate(rows)]
    write_rows(folder / "sources.csv", rows)
    (folder / "my.yaml").write_text(CONFIG, encoding="utf-8")
    return DrawnField(folder, listed, rows)


def write_pair(
    folder, name, *, shape=(60, 60), unit="10.0*nanoJansky", weight_shape=None, center_deg=(110.83, -73.45)
):
    """Write <name>_sci.fits, white noise on 0.02" pixels, and <name>_wht.fits; for tests that fit nothing."""
    from astropy.io import fits

    header = tan_header(shape, center_deg)
    sci = fits.PrimaryHDU(np.random.default_rng(1).normal(size=shape).astype("f4"), header)
    if unit:
        sci.header["BUNIT"] = unit
    sci.writeto(folder / f"{name}_sci.fits")
    fits.PrimaryHDU(np.ones(weight_shape or shape, "f4"), header).writeto(folder / f"{name}_wht.fits")


def tan_header(shape, center_deg):
    """WCS of an image, north up, its middle at the centre given."""
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    wcs.wcs.crval, wcs.wcs.crpix = center_deg, [(n + 1) / 2 for n in shape[::-1]]
    wcs.wcs.cdelt = [-PIXEL_ARCSEC / 3600, PIXEL_ARCSEC / 3600]
    return wcs.to_header()


def write_sparse(path, planes, sources, *, extensions):
    """Write an image file of zeros as holes, pixels only around sources.

    Parameters
    ----------
    path : Path
    planes : list of `astropy.io.fits.Header`
        With NAXIS1 and NAXIS2; the first is the primary header unless ``extensions``.
    sources : list of (x, y, list of stamp)
        Pixel of the stamps' first corner, and one square stamp per plane.
    extensions : bool
        Whether an empty primary HDU comes first.
    """
    from astropy.io import fits

    with open(path, "wb") as file:
        if extensions:
            file.write(fits.PrimaryHDU().header.tostring().encode())
        for number, header in enumerate(planes):
            file.write(header.tostring().encode())
            start, nx, ny = file.tell(), header["NAXIS1"], header["NAXIS2"]
            for x, y, stamps in sources:
                for row, values in enumerate(stamps[number].astype(">f4")):
                    file.seek(start + 4 * ((y + row) * nx + x))
                    file.write(values.tobytes())
            end = start + -(-4 * nx * ny // 2880) * 2880
            os.truncate(path, end)
            file.seek(end)


def beside(config, west_arcsec, north_arcsec):
    """Position of a point beside the centre of the field, as text."""
    ra = config.ra - west_arcsec / 3600.0 / np.cos(np.deg2rad(config.dec))
    return {"ra": f"{ra:.7f}", "dec": f"{config.dec + north_arcsec / 3600.0:.7f}"}


def write_rows(path, rows):
    """Write a csv table."""
    with open(path, "w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)


def compress(path):
    """Replace a file by its .gz."""
    with open(path, "rb") as plain, gzip.open(f"{path}.gz", "wb", compresslevel=1) as packed:
        shutil.copyfileobj(plain, packed)
    path.unlink()
