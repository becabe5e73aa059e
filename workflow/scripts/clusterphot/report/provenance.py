"""Where numbers come from: rule, parameters, code, checksums and versions of the files behind the report.

Tables carry this in their metadata; images carry a part in their headers, and the rest is added from the rules.
"""

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import yaml

from clusterphot.base.files import own_file
from clusterphot.config.keys import keys_of
from clusterphot.config.stack import StackKeys

STACK_KEYS = (
    *(f"stack.{name}" for name in keys_of(StackKeys)),
    "photometry.engine",
    "photometry.sky",
    "photometry.max_shift_px",
)
FILES = (
    ("mosaic.fits", "prepare_mosaic", "Mosaic, nJy per pixel", ()),
    ("star_psf.fits", "stack_stars", "Mean of the stars, and what they leave", ("psf",)),
    ("psf.fits", "build_psf", "Point spread function", ("psf",)),
    ("psf_grid.fits", "build_psf", "Point spread function over the field", ("psf",)),
    ("psf_check.fits", "check_psf", "Point spread function beside the stars", ()),
    ("noise.fits", "measure_noise", "Noise correlation of blank sky", ()),
    ("offset.ecsv", "measure_offset", "Offset from the reference filter", ()),
    ("stack.fits", "stack_sources", "Stack of the clean sources", STACK_KEYS),
    ("stars.ecsv", "select_stars", "Stars for the PSF", ()),
    ("photometry.ecsv", "merge_photometry", "Fluxes as observed", ()),
    ("photometry_dereddened.ecsv", "merge_dereddened", "Fluxes corrected for Milky Way dust", ()),
    ("stack_photometry.ecsv", "deredden_stack", "Fluxes of the stack", ()),
    ("clusters.ecsv", "merge_sed", "Ages, metallicities and masses of the clusters", ()),
    ("stack.ecsv", "fit_stack_sed", "Age, metallicity and mass of the stack", ()),
    ("predictive.ecsv", "check_posteriors", "Do the models explain the sample", ()),
    ("robustness.ecsv", "", "What stands when one thing is changed", ()),
    ("population", "fit_population", "All clusters as one population", ()),
    ("extinction.ecsv", "compute_extinction", "Milky Way extinction", ()),
    ("proof/summary.ecsv", "summarise_proof", "Errors proven by artificial clusters and blank places", ()),
    ("summary.ecsv", "recover_truth", "Biases and pulls against the truth", ()),
    ("sources.ecsv", "recover_truth", "Sources against the truth", ()),
    ("limits.ecsv", "merge_sizes", "Upper limits of half-light radii", ()),
    ("rest_frame.ecsv", "merge_rest_frame", "Rest-frame magnitudes and K-corrections", ()),
    ("comparison.ecsv", "compare_libraries", "The stack with each library", ()),
    ("sensitivity.ecsv", "measure_sensitivity", "What moves the age of the stack", ()),
    ("robustness.ecsv", "measure_sensitivity", "Which conclusions about the stack survive which change", ()),
    ("contamination.ecsv", "", "Probabilities of being a cluster, a galaxy or a star", ()),
    ("reproduction.ecsv", "compute_reproduction", "The numbers of the paper beside ours", ()),
    ("fits", "fit_sources", "Fits to the cutouts", ()),
    ("grid.h5", "build_ssp_grid", "Spectra of the stellar populations", ("sed.fiducial_grid",)),
)  # fmt: skip
"""End of the path or name of the folder, rule, words and keys of the configuration that made a file without metadata
of its own."""

MADE_FROM = {
    "photometry.ecsv": ("*-fits-*",),
    "photometry_dereddened.ecsv": ("photometry-ecsv", "extinction-ecsv"),
    "fits": ("{filter}-mosaic-*", "{filter}-psf-*", "{filter}-noise-*", "{filter}-offset-*"),
    "mosaic.fits": (),
    "star_psf.fits": ("{filter}-mosaic-*", "{filter}-noise-*", "stars-ecsv"),
    "psf.fits": ("{filter}-mosaic-*", "*-star_psf-*", "stars-ecsv"),
    "systematics.ecsv": ("*-psf-fits",),
    "psf_grid.fits": ("{filter}-mosaic-*", "*-star_psf-*", "stars-ecsv"),
    "psf_check.fits": (
        "{filter}-mosaic-*",
        "{filter}-psf-*",
        "{filter}-psf_grid-*",
        "{filter}-noise-*",
        "stars-ecsv",
    ),
    "noise.fits": ("{filter}-mosaic-*",),
    "offset.ecsv": ("{filter}-mosaic-*", "{filter}-psf-*", "stars-ecsv"),
    "stack.fits": ("{filter}-mosaic-*", "{filter}-psf-*", "{filter}-noise-*", "photometry-ecsv"),
    "stack_photometry.ecsv": ("*-stack-fits", "extinction-ecsv"),
    "clusters.ecsv": ("photometry_dereddened-ecsv", "*-grid-h5"),
    "stack.ecsv": ("stack_photometry-ecsv", "*-grid-h5"),
    "predictive.ecsv": ("photometry_dereddened-ecsv", "*-grid-h5"),
    "rest_frame.ecsv": ("photometry_dereddened-ecsv", "*-grid-h5"),
    "comparison.ecsv": ("stack_photometry-ecsv", "*-grid-h5"),
    "sensitivity.ecsv": ("stack_photometry-ecsv", "*-grid-h5"),
    "robustness.ecsv": ("stack_photometry-ecsv", "*-grid-h5"),
    "limits.ecsv": ("photometry-ecsv", "*-psf-fits", "*-noise-fits"),
    "contamination.ecsv": ("photometry_dereddened-ecsv",),
    "proof/summary.ecsv": ("photometry-ecsv", "*-psf-fits", "*-noise-fits"),
    "summary.ecsv": ("photometry-ecsv", "sed-*-clusters-ecsv"),
    "sources.ecsv": ("photometry-ecsv", "sed-*-clusters-ecsv"),
    "reproduction.ecsv": (
        "photometry_dereddened-ecsv",
        "sed-*-ecsv",
        "stack_photometry-ecsv",
        "*-stack-fits",
    ),
}
"""By the end of a path, or the name of its folder: places on the page of origins (with * for any text) of what a
file is made from; files that a field does not have are left out."""

FILTER_FOLDER = re.compile(r"F\d{3,4}[A-Z]\w*")
SKIPPED_META = ("flag_bits", "__serialized_columns__", "comments", "file_crc32")
SKIPPED_CARDS = {
    "SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT", "XTENSION", "EXTNAME",
    "COMMENT", "HISTORY", "CHECKSUM", "DATASUM", "",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Origin of one file.

    Attributes
    ----------
    path, anchor, title, rule : str
    code : str
        Digest of the code that made it.
    parameters : str
        As YAML.
    checksums, versions : dict of str to str
    rows_from : dict
        Rule, code and parameters of the jobs that made the rows of a merged table; else empty.
    other : str
        What else its metadata or header say, as YAML.
    """

    path: str
    anchor: str
    title: str
    rule: str
    code: str
    parameters: str
    checksums: dict
    versions: dict
    rows_from: dict
    other: str


def describe_file(path, *, config, codes):
    """Origin of a file of the workflow.

    Parameters
    ----------
    path : str
        ECSV table, FITS image or other result.
    config : dict
        Of the run, for files that do not carry their parameters.
    codes : dict of str to str
        Digest of the code of each rule.

    Returns
    -------
    source : `Source`
    """
    title, rule, keys = _known(path)
    meta, header = {}, {}
    if path.endswith(".ecsv"):
        meta = _plain(read_meta(path))
    elif path.endswith(".fits"):
        header = _read_header(path)
    rule = meta.pop("rule", rule)
    parameters = dict(meta.pop("parameters", {})) or {key: _lookup(config, key) for key in keys}
    code = parameters.pop("code", codes.get(rule, ""))
    rows_from = dict(meta.pop("rows_from", {}))
    if rows_from:
        given = dict(rows_from.get("parameters", {}))
        rows_from = {
            "rule": rows_from.get("rule", ""),
            "code": given.pop("code", ""),
            "parameters": as_yaml(given),
        }
    checksums = meta.pop("checksums", {}) | _take_checksums(header)
    versions = meta.pop("versions", {})
    meta.pop("wildcards", None)
    other = {key: value for key, value in meta.items() if key not in SKIPPED_META} | header
    return Source(
        path=path,
        anchor=anchor_of(path),
        title=title,
        rule=rule,
        code=code,
        parameters=as_yaml(parameters),
        checksums=checksums,
        versions=versions,
        rows_from=rows_from,
        other=as_yaml(other),
    )


def read_meta(path):
    """Metadata of an ECSV table, from its header alone."""
    from astropy.table import meta as table_meta

    lines = []
    with own_file(path), open(path, encoding="utf-8") as stream:
        for line in stream:
            if not line.startswith("#"):
                break
            lines.append(line.removeprefix("#").removeprefix(" ").rstrip("\n"))
    with own_file(path):
        header = table_meta.get_header_from_yaml(lines[1:])
    return dict(header.get("meta", {}))


def anchor_of(path):
    """Name of a file's place on the page of origins: its path below the folder of the field."""
    parts = PurePosixPath(path).parts
    return "-".join(parts[2:] if parts[0] == "results" else parts).replace(".", "-")


def as_yaml(value):
    """Value as YAML text for a page; empty for nothing."""
    if not value:
        return ""
    return yaml.safe_dump(
        _plain(value), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    ).strip()


def _known(path):
    """Title, rule and configuration keys of a file by the end of its path."""
    name, filt = _kind(path), filter_of(path)
    for ending, rule, title, keys in FILES:
        if name == ending:
            return f"{title}, {filt}" if filt else title, rule, keys
    return name, "", ()


def _kind(path):
    """Name of a file, of its folder for the fits of a chunk, or of both where other folders have such a file."""
    place = PurePosixPath(path)
    folder = place.parent.name
    return "fits" if folder == "fits" else f"proof/{place.name}" if folder == "proof" else place.name


def filter_of(path):
    """Filter of a file below the folder of a field, or empty."""
    parts = PurePosixPath(path).parts
    return next((part for part in parts[2:-1] if FILTER_FOLDER.fullmatch(part)), "")


def link_sources(sources):
    """Origins of what each file is made from, among those shown.

    Parameters
    ----------
    sources : list of `Source`

    Returns
    -------
    links : dict of str to list of `Source`
        By the anchor of a file.
    """
    links = {}
    for source in sources:
        patterns = [
            pattern.format(filter=filter_of(source.path)) for pattern in MADE_FROM.get(_kind(source.path), ())
        ]
        links[source.anchor] = [
            other
            for other in sources
            if other is not source and any(fnmatchcase(other.anchor, pattern) for pattern in patterns)
        ]
    return links


def _lookup(config, key):
    """Value of a dotted key of the configuration, or None."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _read_header(path):
    """Cards of the first headers of a FITS file that say how it was made."""
    from astropy.io import fits

    found = {}
    with own_file(path), fits.open(path) as hdus:
        for hdu in hdus[:2]:
            if hdu.name in ("STARS", "CURVE"):
                continue
            for card in hdu.header.cards:
                if card.keyword not in SKIPPED_CARDS and not card.keyword.startswith(
                    ("TTYPE", "TFORM", "TUNIT")
                ):
                    found.setdefault(card.keyword, card.value)
    return found


def _take_checksums(header):
    """Checksums of the files that entered, removed from the cards of a header: SCIFILE and SCISHA, for example."""
    kinds = [key.removesuffix("SHA") for key in header if key.endswith("SHA")]
    return {str(header.pop(f"{kind}FILE", kind)): header.pop(f"{kind}SHA") for kind in kinds}


def _plain(value):
    """Value as types that plain YAML holds; paths relative to the run, so that a page tells of no home."""
    if isinstance(value, dict):
        return {
            key if isinstance(key, int | float) else _plain(str(key)): _plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, int | float | bool) or value is None:
        return value
    text = str(value)
    return os.path.relpath(text) if os.path.isabs(text) else text
