"""A starter configuration for a field of one's own, from a folder of mosaics (`make new`).

What the headers say (filters, pixel scales, units, zero points) stands beside each entry as a comment, and what
they cannot say is marked TODO, which the check of the configuration then names. Zero points AB mag, arcsec, deg.
"""

import os
from dataclasses import dataclass, field

import numpy as np
import yaml

from clusterphot.base import filters, user_tables
from clusterphot.base.errors import ConfigError, DataError, UserError
from clusterphot.mosaics import naming
from clusterphot.mosaics.fits_rows import is_image, walk
from clusterphot.mosaics.headers import inspect_mosaic
from clusterphot.mosaics.naming import IMAGE, WEIGHT
from clusterphot.run import configuration

MARK = "TODO"
MOSAIC = "mosaic"
REFERENCE_FILTER = "F200W"
SKIPPED_FOLDERS = ("results", "logs", "benchmarks", "resources", "__pycache__")
MAX_DEPTH = 4
MAX_PSF_SIDE_PX = 600
"""Images without sky coordinates up to this size are PSFs or kernels: those of STPSF reach 10" in pixels of 20 mas."""
DUST_ADDRESS = "https://irsa.ipac.caltech.edu/applications/DUST/"


@dataclass(frozen=True)
class Found:
    """A mosaic found in a folder.

    Attributes
    ----------
    filt : str
        Name of the filter as the configuration takes it; empty if unknown.
    sci, wht, err : str
        ``wht`` and ``err`` are empty where the image's file holds its weights, or none were found.
    info : `clusterphot.mosaics.headers.MosaicInfo` or None
    problem : str
        Why the mosaic cannot be used as it is, in one line; empty if it can.
    """

    filt: str
    sci: str
    wht: str = ""
    err: str = ""
    info: object = None
    problem: str = ""


@dataclass(frozen=True)
class Folder:
    """What a folder holds for a field.

    Attributes
    ----------
    mosaics : dict of str to Found
        By filter, in the order of wavelength.
    spare : list of Found
        Further mosaics of the same filters, and those of unknown filter.
    source_lists : list of str
        Tables with columns id, ra and dec.
    others : list of (path, what it is)
        Images that are no mosaics: PSFs, kernels, maps of segments.
    """

    mosaics: dict
    spare: list = field(default_factory=list)
    source_lists: list = field(default_factory=list)
    others: list = field(default_factory=list)


def search(folder):
    """Find mosaics and source lists in a folder and those below it.

    Parameters
    ----------
    folder : str

    Returns
    -------
    found : Folder

    Raises
    ------
    DataError
        If there is no such folder, or no mosaic in it.
    """
    if not os.path.isdir(folder):
        raise DataError(f"FOLDER={folder}", "no such folder", "the folder with the mosaics")
    paths = list(_walk(folder))
    looks = {path: what_it_is(path) for path in paths}
    images = [path for path in paths if naming.role_of(path) in (IMAGE, "") and looks[path] == MOSAIC]
    others = [(path, look) for path, look in looks.items() if look not in (MOSAIC, "")]
    weights, errors = {}, {}
    for path in paths:
        if naming.role_of(path) == WEIGHT:
            weights.setdefault(naming.pair_key(path), path)
        elif naming.is_error_map(path) and looks[path] == MOSAIC:
            errors.setdefault(naming.pair_key(path), path)
    all_found = []
    for path in images:
        key = naming.pair_key(path)
        wht = weights.get(key, "")
        all_found.append(_read(path, wht, "" if wht else errors.get(key, ""), folder))
    mosaics, spare = {}, []
    for found in sorted(all_found, key=_preference):
        if found.filt and found.filt not in mosaics:
            mosaics[found.filt] = found
        else:
            spare.append(found)
    if not mosaics and not spare:
        raise DataError(
            f"FOLDER={folder}",
            f"no mosaic among {len(paths)} FITS files",
            "images such as *_sci.fits with *_wht.fits (.gz and .fz too), or *_i2d.fits",
            "name the folder that holds the mosaics with FOLDER=path.",
        )
    ordered = dict(sorted(mosaics.items(), key=lambda item: _wavelength(item[0])))
    lists = [path for path in _tables(folder) if _is_source_list(path)]
    return Folder(ordered, spare, lists, others)


def _walk(folder):
    """FITS files of a folder and those below it, in the order of their names."""
    for place, folders, files in os.walk(folder):
        depth = os.path.relpath(place, folder).count(os.sep)
        folders[:] = sorted(
            name
            for name in folders
            if depth < MAX_DEPTH and not name.startswith(".") and name not in SKIPPED_FOLDERS
        )
        for name in sorted(files):
            if name.lower().endswith((".fits", ".fits.gz", ".fits.fz", ".fit", ".fit.gz")):
                yield os.path.normpath(os.path.join(place, name))


def what_it_is(path):
    """What the first plane of pixels of a file looks like, whatever its name says.

    Returns
    -------
    look : str
        `MOSAIC` for a plane on the sky, and for a file that its name calls an image, so that what is wrong with it is
        named; words for a PSF or a map of segments; empty for a file without a plane.
    """
    named = MOSAIC if naming.role_of(path) == IMAGE else ""
    try:
        hdu = next((hdu for hdu in walk(path) if is_image(hdu) and len(hdu.shape) >= 2), None)
    except UserError:
        return named
    if hdu is None:
        return ""
    side, on_sky = (
        max(hdu.shape[-2:]),
        str(hdu.cards.get("CTYPE1", "")).upper().startswith(("RA", "DEC", "GL")),
    )
    size = f"{hdu.shape[-1]} x {hdu.shape[-2]} px"
    if not on_sky and side <= MAX_PSF_SIDE_PX and named != MOSAIC:
        kernel = any("kernel" in word or word == "ker" for word in naming.words_of(path))
        return f"a {'kernel' if kernel else 'PSF'}, it seems: {size} without sky coordinates"
    if len(hdu.shape) != 2:
        return named
    if int(hdu.header["BITPIX"]) > 0 and "BSCALE" not in hdu.header and not naming.is_weight(path):
        return named or f"a map of segments or a mask, it seems: {size} of whole numbers"
    return MOSAIC if on_sky or named else f"no mosaic, it seems: {size} without sky coordinates"


def _read(sci, wht, err, folder):
    """Filter, unit and shape of a mosaic, or what is wrong with it."""
    filt = _known(naming.header_filter({}, sci)[0])
    try:
        filt = _filter_name(sci)
        info = inspect_mosaic(sci, wht or None, err=err or None)
    except UserError as error:
        problem = " ".join(str(error).split()).replace(os.path.join(folder, ""), "")
        return Found(filt, sci, wht, err, None, problem)
    return Found(filt, sci, wht, err, info)


def _known(name):
    """The name of a filter if astro-sedpy knows it, else an empty text."""
    return name if name and filters.sedpy_name(name) in filters.known_filters() else ""


def _filter_name(path):
    """Name of a mosaic's filter in the configuration; empty if it is not known to astro-sedpy."""
    header = next((hdu.cards for hdu in walk(path) if is_image(hdu)), {})
    said, _ = naming.header_filter(header, path)
    instrument = f"{header.get('INSTRUME', '')} {header.get('DETECTOR', '')}".upper()
    words = naming.words_of(path)
    for place, known in (("ACS", "acs_wfc"), ("UVIS", "wfc3_uvis"), ("IR", "wfc3_ir")):
        here = place in instrument.split() or place.lower() in words
        if said and (here or f"wfc3{place.lower()}" in words) and "NIRCAM" not in instrument:
            name = f"{known}_{said.lower()}"
            return _known(name)
    return _known(said)


def _preference(found):
    """Of several mosaics of a filter, first those that can be used, then the larger ones."""
    size = int(np.prod(found.info.shape)) if found.info is not None else 0
    return bool(found.problem), -size, found.sci


def _wavelength(filt):
    """Pivot wavelength of a filter, Angstrom."""
    return filters.pivot_wavelength(filt)


def _tables(folder):
    """Tables of text in a folder itself."""
    names = sorted(os.listdir(folder))
    return [os.path.join(folder, name) for name in names if name.lower().endswith((".csv", ".tsv", ".ecsv"))]


def _is_source_list(path):
    """Whether a table can be read as a source list."""
    try:
        user_tables.read_positions(path, path)
    except UserError:
        return False
    return True


def reference_filter(names):
    """The filter to centre sources in: F200W, else the one nearest to it in wavelength.

    Raises
    ------
    ValueError
        Without filters.
    """
    if not names:
        raise ValueError("names must hold a filter")
    target = _wavelength(REFERENCE_FILTER)
    return min(names, key=lambda name: (abs(np.log(_wavelength(name) / target)), name))


def starter_text(name, found, folder):
    """Text of the configuration.

    Parameters
    ----------
    name : str
        Of the field.
    found : Folder
    folder : str
        Working directory of the run: paths inside it are written relative to it.

    Returns
    -------
    text : str
        YAML.
    """
    centre = _centre(found)
    reference = reference_filter(list(found.mosaics)) if found.mosaics else MARK
    lines = [
        f"# Field {name}: written by `make new` from headers; everything marked {MARK} is for you to fill in.",
        "# Paths are relative to the working directory of the run, which is the folder of this file unless you say",
        "# otherwise. All other keys, with their defaults, are in config/config.yaml and config/README.md.",
        "",
        "fields:",
        f"  {_scalar(name)}:",
        _commented(f"    redshift: {MARK}", "of the cluster"),
        _commented(
            f"    ebv: {MARK}", "E(B-V) of the Milky Way on the Schlafly & Finkbeiner (2011) scale, from"
        ),
        _commented("", f"{DUST_ADDRESS}{centre};"),
        _commented("", "or `sfd`, with dust.sfd_map_dir"),
    ]
    sources = _scalar(_relative(found.source_lists[0], folder)) if found.source_lists else f"{MARK}.csv"
    lines.append(_commented(f"    sources: {sources}", "id, ra, dec (deg, ICRS): csv, tsv, ecsv or fits"))
    lines += [_commented("", f"or {_relative(path, folder)}") for path in found.source_lists[1:]]
    lines.append(_commented("", "or `detect`, to find them first: docs/detection.md"))
    why = "positions and stars are found here" + (
        "" if reference == REFERENCE_FILTER else "; F200W is not here"
    )
    lines += [
        _commented(f"    reference_filter: {reference}", why),
        _commented("    mosaics:", "per filter also: psf (FITS image, sum 1), zero_point_factor,"),
        _commented("", "zero_point_error (fraction, such as 0.02), gain_e_per_njy, exposures"),
    ]
    for filt, mosaic in found.mosaics.items():
        lines += _mosaic_lines(filt, mosaic, folder)
    if not found.mosaics:
        lines += [f"      {MARK}:                        # no filter was recognised", f"        sci: {MARK}"]
    lines += _spare_lines(found.spare, folder)
    lines += _other_lines(found.others, folder)
    return "\n".join(lines) + "\n"


def _commented(text, comment):
    """A line with its comment, those of all lines below one another."""
    return f"{text.ljust(34)} # {comment}"


def _mosaic_lines(filt, mosaic, folder):
    """Lines of one filter."""
    lines = [f"      {_scalar(filt)}:"]
    if mosaic.info is not None:
        ny, nx = mosaic.info.shape
        size = f"{nx} x {ny} px of {mosaic.info.pixel_scale_arcsec:.4f} arcsec"
        lines += [f"        # {size}", f"        # {naming.describe_unit(mosaic.info)}"]
    if mosaic.problem:
        lines += [f"        # {MARK}: {mosaic.problem}"]
    lines.append(f"        sci: {_scalar(_relative(mosaic.sci, folder))}")
    if mosaic.wht:
        lines.append(f"        wht: {_scalar(_relative(mosaic.wht, folder))}")
    elif mosaic.err:
        lines.append(f"        err: {_scalar(_relative(mosaic.err, folder))}")
    elif mosaic.info is None or mosaic.info.weight_kind is None:
        lines.append(
            "        # no wht: the weights must be an extension IVAR, ERR or WHT of the image's file"
        )
    exposures = exposures_of(mosaic.sci)
    if exposures:
        lines.append(f"        exposures: {_scalar(_relative(exposures, folder))}")
    return lines


def exposures_of(sci):
    """Table of exposures that grizli wrote beside an image, ``*_wcs.csv``; empty if there is none."""
    for word in ("_drc_sci", "_drz_sci"):
        stem, found, _ = sci.rpartition(word)
        if found and os.path.isfile(f"{stem}_wcs.csv"):
            return f"{stem}_wcs.csv"
    return ""


def _spare_lines(spare, folder):
    """Comments on what was found but not used."""
    if not spare:
        return []
    lines = ["", "# Found as well, and not used:"]
    for mosaic in spare:
        why = (
            f"another {mosaic.filt}"
            if mosaic.filt
            else "the filter is not known: give its name as a key of mosaics"
        )
        problem = f" ({mosaic.problem})" if mosaic.problem else ""
        lines.append(f"#   {_relative(mosaic.sci, folder)}: {why}{problem}")
    return lines


def _other_lines(others, folder):
    """Comments on images that are no mosaics."""
    if not others:
        return []
    lines = ["", "# No mosaics (a PSF can be named as `psf:` of its filter):"]
    return lines + [f"#   {_relative(path, folder)}: {look}" for path, look in others]


def _centre(found):
    """Middle of the first mosaic, in words."""
    for mosaic in found.mosaics.values():
        if mosaic.info is not None:
            ny, nx = mosaic.info.shape
            ra, dec = (float(v) for v in mosaic.info.wcs.all_pix2world((nx - 1) / 2, (ny - 1) / 2, 0))
            return f" at {ra:.4f} {dec:+.4f}"
    return ""


def _relative(path, folder):
    """A path relative to a folder if it lies in there, absolute otherwise."""
    path, folder = os.path.abspath(path), os.path.abspath(folder)
    return os.path.relpath(path, folder) if path.startswith(os.path.join(folder, "")) else path


def _scalar(text):
    """Text as YAML on one line, in quotes where it needs them."""
    return yaml.safe_dump(str(text), width=10**6, allow_unicode=True).removesuffix("\n...\n").strip()


def write_starter(name, folder, out_path):
    """Write a starter configuration; never over an existing file.

    Parameters
    ----------
    name : str
        Of the field.
    folder : str
        Holds the mosaics.
    out_path : str

    Returns
    -------
    found : Folder

    Raises
    ------
    ConfigError, DataError
        Name that is no folder name, existing file, folder without mosaics, place that cannot be written to.
    """
    configuration.check_field_name(name, lambda _: "FIELD")
    if os.path.exists(out_path):
        hint = "name another one with OUT=path, or remove it first."
        raise ConfigError(out_path, "a file that exists", "a file to be made; none is overwritten", hint)
    found = search(folder)
    text = starter_text(name, found, os.path.dirname(os.path.abspath(out_path)))
    try:
        with open(out_path, "x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as exc:
        hint = "name a file elsewhere with OUT=path."
        raise DataError(out_path, exc.strerror or str(exc), "a place to write to", hint) from exc
    return found
