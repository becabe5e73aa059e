"""Fields given by their mosaics: source list, mosaics, PSFs and truth as the rules see them.

Headers of mosaics and the small images of PSFs are inspected in the main process only, before the first job.
"""

import os
from dataclasses import dataclass

from clusterphot.base.errors import ConfigError, DataError
from clusterphot.base.files import near_hint
from clusterphot.base.secrets import is_url
from clusterphot.base.user_tables import read_positions
from clusterphot.mosaics.download import https_url

DETECT = "detect"
"""Instead of a source list: the field has none yet and is to be searched."""

N_LOOKED_UP = 20
"""Sources near which the exposures of a mosaic are looked for before a run."""

FILE_KINDS = ("sci", "wht", "err")
"""Files that make a mosaic: image and inverse variances, or 1-sigma errors in their place."""


@dataclass(frozen=True)
class MosaicEntry:
    """Files and calibration of one filter of a field.

    Attributes
    ----------
    sci, wht, err, psf : str or None
        As the configuration names them: path or URL; ``err`` holds 1-sigma errors in place of the weights.
    zero_point_factor : float
        Fluxes of the mosaic are multiplied by it.
    zero_point_error : float or None
        Fractional 1-sigma error common to all sources of the filter; None where the user names none.
    gain_e_per_njy : float or None
        Electrons per nJy; adds the photon noise of the sources.
    psf_encircled_energy, psf_error : float or None
        Of the user's PSF: share of the light inside its stamp, fractional 1-sigma error of the flux scale.
    exposures : str or None
        Table of the WCS of the exposures.
    n_exposures, detector_angle_deg, native_pixel_arcsec, pixfrac, phase_error : float or None
        What the user says of the exposures; see `clusterphot.psf.phase.make_phase_error`.
    """

    sci: str
    wht: str | None = None
    err: str | None = None
    psf: str | None = None
    zero_point_factor: float = 1.0
    zero_point_error: float | None = None
    gain_e_per_njy: float | None = None
    psf_encircled_energy: float | None = None
    psf_error: float | None = None
    exposures: str | None = None
    n_exposures: float | None = None
    detector_angle_deg: float | None = None
    native_pixel_arcsec: float | None = None
    pixfrac: float | None = None
    phase_error: float | None = None

    def local(self, kind, field, filt):
        """Path of ``sci``, ``wht`` or ``err`` on disk: the file itself, or where its URL is fetched to."""
        place = getattr(self, kind)
        if place is None:
            return None
        return f"resources/fetched/{field}/{filt}_{kind}" if is_url(place) else place


def simulated_mosaics(name, entry):
    """Entries of the filters of a simulated field: files that the workflow makes."""
    own, simulation = entry.get("mosaics", {}), entry["simulation"]
    exposures = simulation.get("exposures")
    as_i2d = bool(exposures) and exposures["layout"] == "i2d"
    files = {"sci": "i2d.fits"} if as_i2d else {"sci": "sci.fits", "wht": "wht.fits"}
    files |= {"exposures": "wcs.csv"} if exposures else {}
    # Of exposures the gain is known; the errors of i2d hold the photons of the sources already.
    known = {"gain_e_per_njy": exposures["gain_e_per_njy"]} if exposures and not as_i2d else {}
    # Mosaics that are drawn show one PSF, in whatever phase.
    known |= {"pixfrac": exposures["pixfrac"]} if exposures else {"phase_error": 0.0}
    return {
        filt: MosaicEntry(
            **{key: f"results/{name}/simulation/{filt}_{file}" for key, file in files.items()},
            **known | {key: value for key, value in own.get(filt, {}).items() if key not in files},
        )
        for filt in simulation["filters"]
    }


def load_image_field(name, entry, where):
    """Values of a field given by its mosaics.

    Parameters
    ----------
    name : str
    entry : dict
        The field's section of the configuration.
    where : str
        File and key, for messages.

    Returns
    -------
    values : dict
        ``ids``, ``filters``, ``positions``, ``mosaics``, ``reference_filter``, ``source_list``, ``truth``,
        ``simulation``.

    Raises
    ------
    ConfigError, DataError
    """
    source_list, ids, positions = entry["sources"], [], []
    if source_list == DETECT:
        source_list = None
        if "simulation" in entry:
            raise ConfigError(
                f"{where}.sources",
                DETECT,
                "the source list of a simulated field",
                "the target candidates searches any field with mosaics; the list says what is simulated.",
            )
    else:
        ids, ra, dec = read_positions(source_list, f"{where}.sources")
        positions = list(zip(ids, ra.tolist(), dec.tolist(), strict=True))
    simulated = "simulation" in entry
    mosaics = simulated_mosaics(name, entry) if simulated else _given_mosaics(entry)
    if not mosaics:
        raise ConfigError(f"{where}.mosaics", "no filter", "at least one filter with its mosaic")
    reference = entry.get("reference_filter")
    if reference not in mosaics:
        got = "nothing" if reference is None else repr(reference)
        raise ConfigError(
            f"{where}.reference_filter",
            got,
            f"one of the field's filters: {', '.join(mosaics)}",
            "sources are centred in this filter; F200W where there is one.",
        )
    return {
        "ids": ids,
        "filters": list(mosaics),
        "positions": positions,
        "mosaics": mosaics,
        "reference_filter": reference,
        "source_list": source_list,
        "truth": f"results/{name}/simulation/truth.ecsv" if simulated else entry.get("truth"),
        "simulation": entry.get("simulation"),
    }


def _given_mosaics(entry):
    """Entries of the filters as the user gave them."""
    return {filt: MosaicEntry(**values) for filt, values in entry["mosaics"].items()}


def check_simulation(simulation, where):
    """Check that the files that a simulated field is drawn from exist.

    Parameters
    ----------
    simulation : dict
    where : str

    Raises
    ------
    DataError
    """
    kinds = {"clusters": "a table with id and flux_F in nJy", "noise_correlation": "a FITS image"}
    for key, expected in kinds.items():
        path = simulation.get(key)
        if path is not None and not os.path.isfile(path):
            raise DataError(f"{where}.simulation.{key} = {path}", "no such file", expected, near_hint(path))


def check_files(field, where):
    """Check what headers show: files, units, weights, overlap with the source list.

    Parameters
    ----------
    field : `clusterphot.run.fields.Field`
        Given by mosaics that exist before the run.
    where : str

    Raises
    ------
    ConfigError, DataError
    """
    from clusterphot.mosaics.headers import check_gain, check_overlap, contradicting_filter, inspect_mosaic

    ra = [position[1] for position in field.positions]
    dec = [position[2] for position in field.positions]
    for filt, entry in field.mosaics.items():
        key = f"{where}.mosaics.{filt}"
        remote = [kind for kind in FILE_KINDS if is_url(getattr(entry, kind) or "")]
        for kind in remote:
            check_url(getattr(entry, kind), f"{key}.{kind}")
        for kind in FILE_KINDS:
            path = getattr(entry, kind)
            if kind not in remote and path is not None and not os.path.isfile(path):
                raise DataError(f"{key}.{kind} = {path}", "no such file", "a mosaic", near_hint(path))
        info = None
        if not remote:
            info = inspect_mosaic(entry.sci, entry.wht, err=entry.err)
            error, source = contradicting_filter(info, filt)
            if source == "header":
                raise error
            if field.positions:
                check_overlap(info, ra, dec)
            check_gain(info, entry.gain_e_per_njy)
        if entry.psf is not None:
            check_psf(entry.psf, f"{key}.psf", filt, info)
        if entry.exposures is not None:
            check_exposures(entry.exposures, f"{key}.exposures", ra, dec)
    if field.truth is not None and not os.path.isfile(field.truth):
        raise DataError(f"{where}.truth = {field.truth}", "no such file", "a table with id and flux_F in nJy")


def check_detection(field, config, origin):
    """Filters named for the search of a field are its own.

    Parameters
    ----------
    field : `clusterphot.run.fields.Field`
    config : dict
    origin : function
        Names the file of a key, for messages.

    Raises
    ------
    ConfigError
    """
    section, known = config["detection"], f"filters of field {field.name}: {', '.join(field.filters)}"
    combined = section["combined_filters"]
    where = f"{origin(('detection', 'combined_filters'))}, detection.combined_filters"
    if combined != "auto":
        for filt in combined:
            if filt not in field.filters:
                raise ConfigError(where, filt, known)
        if field.reference_filter not in combined:
            raise ConfigError(
                where, ", ".join(combined), f"the reference filter {field.reference_filter} among them"
            )
    for colour, (low, high) in section["colour_box"].items():
        where = f"{origin(('detection', 'colour_box'))}, detection.colour_box"
        if colour.count("-") != 1 or not set(colour.split("-")) <= set(field.filters):
            raise ConfigError(where, colour, f"A-B of two {known}")
        if low >= high:
            raise ConfigError(f"{where}.{colour}", f"[{low:g}, {high:g}]", "the lower, then the higher end")
    colours = config["luminosity"]["colours"]
    for colour in colours if colours != "auto" else ():
        if not set(colour.split("-")) <= set(field.filters):
            where = f"{origin(('luminosity', 'colours'))}, luminosity.colours"
            raise ConfigError(where, colour, f"A-B of two {known}")


def check_url(url, key):
    """Refuse addresses that cannot be fetched."""
    try:
        https_url(url)
    except ConfigError as error:
        raise ConfigError(key, error.got, error.expected, error.hint) from error


def check_exposures(path, key, ra, dec):
    """Refuse a table of exposures that is none, or of which no exposure is near a listed source.

    Returns
    -------
    text : str
        What it holds.
    """
    import numpy as np

    from clusterphot.mosaics.wcs_table import read_wcs_table

    if not os.path.isfile(path):
        raise DataError(
            f"{key} = {path}", "no such file", "a table of the exposures' WCS, *_wcs.csv", near_hint(path)
        )
    step = max(1, len(ra) // N_LOOKED_UP)
    places = (np.asarray(ra)[::step], np.asarray(dec)[::step]) if len(ra) else None
    exposures = read_wcs_table(path, near=places)
    if not exposures:
        raise DataError(
            f"{key} = {path}",
            "no exposure near a listed source",
            "exposures that the mosaic was made of",
            "is it the table of this field?",
        )
    return f"{path}: {len(exposures)} exposures near {'listed sources' if len(ra) else 'the field'}"


def check_psf(path, key, filt, info, *, encircled_energy=None):
    """Refuse a PSF that is no FITS file, or not one for the pixels of its mosaic where that is here.

    Returns
    -------
    notes : list of str
        What is odd about it; see `clusterphot.psf.user_file.load_user_psf`.
    """
    from clusterphot.mosaics.fits_rows import is_image, walk
    from clusterphot.psf.user_file import load_user_grid, load_user_psf

    if not os.path.isfile(path):
        raise DataError(f"{key} = {path}", "no such file", "a PSF image", near_hint(path))
    if not any(is_image(hdu) for hdu in walk(path)):
        raise DataError(f"{key} = {path}", "no image", "a FITS file with a 2-D image")
    if info is None:
        return []
    psf, notes = load_user_psf(path, info.pixel_scale_arcsec, filt, encircled_energy=encircled_energy)
    load_user_grid(path, psf, info.shape)
    return notes
