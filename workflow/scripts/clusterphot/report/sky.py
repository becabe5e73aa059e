"""Colour images of a field for the report, with the halo and without it, and where its sources are on them.

Made as that of `clusterphot.figures.overview`, around the sources; positions are fractions of the sides.
"""

import json
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from matplotlib import image as mpl_image

from clusterphot.base.files import own_file, whole_file
from clusterphot.figures.overview import composite, on_grid
from clusterphot.report.numbers import dump, write_text

JPEG_QUALITY = 88
MAX_SIDE_PX = 2400
"""Longer side of the images: a field of 48 arcsec at 20 mas has its own pixels."""

HALO_ARCSEC = 0.8
"""Side of the boxes whose sky is taken as halo, several times the width of a point source."""


def choose_filters(names, reference_filter):
    """Filters of the red, green and blue planes: last, middle and first, as in the overview figure."""
    inner = names[1:-1] or names[:1]
    green = reference_filter if reference_filter in inner else inner[len(inner) // 2]
    return names[-1], green, names[0]


def draw_sky(mosaics, chosen, reference_filter):
    """Colour image on the pixels of the reference filter.

    Parameters
    ----------
    mosaics : dict of str to `clusterphot.figures.overview.SmallMosaic`
        Those of the chosen filters and of the reference filter.
    chosen : (str, str, str)
        Red, green, blue.
    reference_filter : str

    Returns
    -------
    image : (ny, nx, 3) uint8 ndarray
        Row 0 is the lowest in y.
    """
    target = mosaics[reference_filter]
    return composite(*(on_grid(mosaics[name], target) for name in chosen))


def flatten(small):
    """The same mosaic less its light on scales of `HALO_ARCSEC` and more: what is left is small.

    Parameters
    ----------
    small : `clusterphot.figures.overview.SmallMosaic`
    """
    import sep

    box = max(int(round(HALO_ARCSEC / (small.factor * small.pixel_scale_arcsec))), 4)
    blank = ~np.isfinite(small.image)
    if blank.all():
        return small
    image = np.ascontiguousarray(np.where(blank, 0.0, small.image))
    halo = sep.Background(image, mask=blank, bw=box, bh=box, fw=3, fh=3).back()
    return replace(small, image=np.where(blank, np.nan, image - halo))


def place_sources(small, table):
    """Positions of sources as fractions of the image's sides, x from the left, y from the top.

    Parameters
    ----------
    small : `clusterphot.figures.overview.SmallMosaic`
        Of the reference filter.
    table : `astropy.table.Table`
        id, ra, dec.

    Returns
    -------
    places : dict of str to [x, y]
        Without sources outside the image.
    """
    ny, nx = small.image.shape
    x, y = small.place(table["ra"], table["dec"])
    x, y = (x + 0.5) / nx, 1.0 - (y + 0.5) / ny
    inside = np.isfinite(x) & np.isfinite(y) & (np.abs(x - 0.5) <= 0.5) & (np.abs(y - 0.5) <= 0.5)
    return {
        str(table["id"][k]): [round(float(x[k]), 5), round(float(y[k]), 5)] for k in np.flatnonzero(inside)
    }


def north_angle_deg(small):
    """Direction of north on the image, degrees from up towards the right; and whether east is to its left.

    Returns
    -------
    angle : float
    east_left : bool
    """
    ny, nx = small.image.shape
    middle = np.array([0.5 * nx]), np.array([0.5 * ny])
    ra, dec = small.sky(*middle)
    step = 2.0 / 3600.0
    to_north = np.ravel(small.place(ra, dec + step)) - np.ravel(middle)
    to_east = np.ravel(small.place(ra + step / np.cos(np.radians(dec)), dec)) - np.ravel(middle)
    angle = float(np.degrees(np.arctan2(to_north[0], to_north[1])))
    return round(angle, 2), bool(to_north[0] * to_east[1] - to_north[1] * to_east[0] > 0)


def write_sky(images, places_path, small, places, chosen, kpc_per_arcsec):
    """Write images as JPEG, and what is on them as JSON, all or none.

    Parameters
    ----------
    images : dict of str to (ny, nx, 3) uint8 ndarray
        By path.
    places_path : str
    small : `clusterphot.figures.overview.SmallMosaic`
        Of the reference filter.
    places : dict
        Of `place_sources`.
    chosen : (str, str, str)
    kpc_per_arcsec : float
    """
    angle, east_left = north_angle_deg(small)
    content = {
        "width": small.image.shape[1],
        "height": small.image.shape[0],
        "arcsec_per_px": round(small.factor * small.pixel_scale_arcsec, 8),
        "kpc_per_arcsec": round(kpc_per_arcsec, 5),
        "north_deg": angle,
        "east_left": east_left,
        "colors": dict(zip(("red", "green", "blue"), chosen, strict=True)),
        "places": places,
    }
    with ExitStack() as files:
        for path, image in images.items():
            temporary = files.enter_context(whole_file(path))
            mpl_image.imsave(temporary, image[::-1], format="jpg", pil_kwargs={"quality": JPEG_QUALITY})
        write_text(places_path, dump(content) + "\n")


def read_sky(path):
    """Read the JSON of `write_sky`."""
    with own_file(path), open(path, encoding="utf-8") as stream:
        return json.load(stream)
