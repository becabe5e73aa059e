"""Regions for DS9: circles on the sky around the sources and the stars of a field, coloured by what is said of them.

The format is that of DS9's reference manual (region file format 4.1). Positions degrees (ICRS), radii arcsec.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.files import whole_file
from clusterphot.base.flags import Flag

SOURCE_RADIUS_FWHM, STAR_RADIUS_FWHM = 2.0, 3.0
"""Radii of the circles in FWHM of the reference filter's PSF: nearly all light of a point source is inside, and the
circle of a star is seen around that of a source."""
RADIUS_PX = 4.0
"""Two FWHM of a sampled PSF, where its FWHM is not known."""
CLEAN = "green"
COLORS = {
    "red": Flag.FAILED | Flag.NO_DATA,
    "magenta": Flag.AT_BOUND | Flag.BLENDED,
    "yellow": Flag.EDGE | Flag.MASKED | Flag.SATURATED,
}
"""Colours of flagged sources, worst first: no flux, a flux that is not that of the source alone, bad pixels."""
OTHER = "cyan"
STAR_COLORS = {"core": "cyan", "wing": "blue", "none": "white"}
"""Colours of stars by their role for the PSF."""
QUOTES = ("{}", '""', "''")
"""What DS9 takes around a text, which must not hold its end."""


@dataclass(frozen=True)
class Circle:
    """A circle on the sky: its middle (deg), text, colour and tags."""

    ra: float
    dec: float
    text: str
    color: str
    tags: tuple = ()


def color_of(flags):
    """Colour of a source with some bits."""
    if not flags:
        return CLEAN
    return next((color for color, bits in COLORS.items() if flags & bits), OTHER)


def source_circles(photometry):
    """Circles (n,) of all sources, with their ids; tags are the names of their flags.

    Parameters
    ----------
    photometry : `astropy.table.Table`
        With the columns id, ra, dec (deg) and flags.
    """
    return [
        Circle(row["ra"], row["dec"], str(row["id"]), color_of(int(row["flags"])), _names(int(row["flags"])))
        for row in photometry
    ]


def star_circles(stars):
    """Circles of the stars that the PSF was made of, with their numbers; tags are their roles.

    Parameters
    ----------
    stars : `astropy.table.Table`
        From `clusterphot.psf.stars.select_stars`, with ra and dec.
    """
    used = stars[np.asarray(stars["role"]) != "none"]
    return [_star(row, str(row["id"]), row["role"]) for row in used]


def rejected_circles(photometry, stars):
    """Circles of flagged sources, and of detections not used for the PSF; texts and tags say why.

    Parameters
    ----------
    photometry, stars : `astropy.table.Table`
        As in `source_circles` and `star_circles`.
    """
    flagged = [
        Circle(circle.ra, circle.dec, " ".join([circle.text, *circle.tags]), circle.color, circle.tags)
        for circle in source_circles(photometry)
        if circle.tags
    ]
    unused = stars[np.asarray(stars["role"]) == "none"]
    return [*flagged, *(_star(row, f"{row['id']} {row['reason']}", row["reason"]) for row in unused)]


def _star(row, text, tag):
    """Circle of a detection."""
    return Circle(row["ra"], row["dec"], text, STAR_COLORS[str(row["role"])], (str(tag),))


def _names(flags):
    """Names of the bits that are set."""
    return tuple(flag.name for flag in Flag if flag and flag & flags)


def write_regions(path, circles, radius_arcsec, *, notes=()):
    """Write a region file.

    Parameters
    ----------
    path : str
    circles : sequence of Circle
    radius_arcsec : float
    notes : sequence of str
        Lines of comment at its head.
    """
    lines = ["# Region file format: DS9 version 4.1", *(f"# {note}" for note in notes), "icrs"]
    for circle in circles:
        tags = "".join(f" tag={{{tag}}}" for tag in circle.tags)
        place = f"{circle.ra:.8f},{circle.dec:.8f},{radius_arcsec:.4f}"
        lines.append(f'circle({place}") # color={circle.color} text={quoted(circle.text)}{tags}')
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as stream:
        stream.write("\n".join(lines) + "\n")


def quoted(text):
    """A text as DS9 reads it, whatever an id holds.

    Examples
    --------
    >>> print(quoted("SC_1"), quoted("a{b"))
    {SC_1} "a{b"
    """
    text = " ".join(text.split())
    for first, last in QUOTES:
        if first not in text and last not in text:
            return f"{first}{text}{last}"
    return "{" + text.replace("{", "(").replace("}", ")") + "}"


LEGEND = (
    "sources: green without a flag, red without a flux (FAILED, NO_DATA), magenta not their own flux alone (AT_BOUND, "
    "BLENDED), yellow with bad pixels (EDGE, MASKED, SATURATED), cyan with other flags",
    "stars: cyan in the core of the PSF, blue in its wings, white not used",
)
"""What the colours mean, for the head of a file. Without semicolons, which part regions, for some even in a comment."""


def radius_of(psf, in_fwhm):
    """Radius (arcsec) of circles of some FWHM of a `clusterphot.base.products.Psf`."""
    known = np.isfinite(psf.fwhm_arcsec)
    return in_fwhm * (psf.fwhm_arcsec if known else RADIUS_PX / SOURCE_RADIUS_FWHM * psf.pixel_scale_arcsec)
