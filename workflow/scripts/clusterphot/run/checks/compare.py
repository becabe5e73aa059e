"""Comparisons among the mosaics of a field, and of the reference filter with the source list.

A wrong unit shows in a depth unlike that of the other filters, a wrong WCS in a sky that is shifted.
Depths AB mag, shifts arcsec.
"""

import os

import numpy as np

from clusterphot.base.errors import DataError
from clusterphot.mosaics.naming import IMAGE, header_filter, role_of
from clusterphot.run.checks import sky
from clusterphot.run.checks.findings import ERROR, LATER, OK, UNSEEN, WARNING

DEPTH_SPREAD_MAG = 4.0
"""Difference in depth that bands of one field do not have (1-3 mag); a factor of 100 in the unit is 5 mag."""
SHIFT_PX = (1.5, 3.0)
"""Shifts from the reference filter (px of the filter) that are a warning and an error; stars are followed to 4 px."""
LIST_SHIFT_ARCSEC = (0.04, 0.12)
MIN_STAMPS = 5


def compare_depths(name, bands, findings):
    """A filter whose depth is far from that of the others has another unit than its header says."""
    depths = {filt: band.depth_mag for filt, band in bands.items() if np.isfinite(band.depth_mag)}
    for filt, depth in depths.items():
        others = [value for other, value in depths.items() if other != filt]
        if len(others) > 1 and abs(depth - np.median(others)) > DEPTH_SPREAD_MAG:
            info = bands[filt].info
            error = DataError(
                f"{info.sci.path}, BUNIT {info.unit!r}",
                f"noise that is {depth:.1f} AB at 5 sigma",
                f"about {np.median(others):.1f} AB, as in the other filters",
                "is the unit right?",
            )
            findings.at(name, filt).add(ERROR, "unit", error)


def compare_tiles(name, reference, bands, findings):
    """Shift of each filter from the reference filter, where both show enough."""
    of_reference = bands[reference].tile if reference in bands else None
    for filt, band in bands.items():
        note = findings.at(name, filt)
        if filt == reference or band.seen is None:
            continue
        if band.tile is None or of_reference is None:
            missing = band if band.tile is None else bands.get(reference, band)
            why = LATER if missing.seen is None or not missing.seen.complete else "no data around the sources"
            note.add(UNSEEN, "WCS", f"not compared with {reference}: {why}")
            continue
        east, north, sigma = sky.measure_shift(of_reference, band.tile)
        shift, scale = float(np.hypot(east, north)), band.info.pixel_scale_arcsec
        if sigma < sky.MIN_PEAK_SIGMA:
            error = DataError(
                band.info.sci.path,
                f"nothing in common with {reference} within {sky.MAX_SHIFT_ARCSEC:g} arcsec",
                "the same sky",
                "is its WCS right, or is there too little light to compare?",
            )
            note.add(WARNING, "WCS", error)
        elif shift > SHIFT_PX[0] * scale:
            error = DataError(
                f"{band.info.sci.path}, WCS",
                f"a sky {shift:.2f} arcsec ({shift / scale:.1f} px) from that of {reference} "
                f"(east {east:+.2f}, north {north:+.2f})",
                f"less than {SHIFT_PX[0]:g} px",
                "align the mosaics, or correct CRVAL1 and CRVAL2.",
            )
            note.add(ERROR if shift > SHIFT_PX[1] * scale else WARNING, "WCS", error)
        else:
            note.add(OK, "WCS", f"{shift:.3f} arcsec ({shift / scale:.1f} px) from {reference}")


def check_list_shift(path, band, note):
    """Light stacked at the listed positions peaks there."""
    shift, sigma, n = sky.measure_list_shift(band.info, band.stamps)
    if n < MIN_STAMPS:
        return
    if sigma < sky.MIN_STACK_SIGMA:
        error = DataError(
            f"{path} on {band.info.sci.path}",
            f"no light in the stack of {n} listed positions",
            "compact sources there",
            "is it the list of this field, and on the astrometric frame of the mosaics?",
        )
        note.add(WARNING, "positions", error)
    elif shift > LIST_SHIFT_ARCSEC[0]:
        error = DataError(
            f"{path} on {band.info.sci.path}",
            f"light {shift:.2f} arcsec beside the {n} listed positions",
            f"less than {LIST_SHIFT_ARCSEC[0]:g} arcsec",
            "bring list and mosaics to one astrometric frame.",
        )
        note.add(ERROR if shift > LIST_SHIFT_ARCSEC[1] else WARNING, "positions", error)
    else:
        note.add(
            OK, "positions", f"light of {n} listed sources peaks {shift:.3f} arcsec from their positions"
        )


def find_forgotten(mosaics, bands, note):
    """Images of further filters that lie beside those of the field."""
    folders = {os.path.dirname(band.info.sci.path) for band in bands.values()}
    for folder in sorted(folders):
        for file in sorted(os.listdir(folder or ".")):
            said = header_filter({}, file)[0] if role_of(file) == IMAGE else ""
            if said and not any(said in str(filt).upper() for filt in mosaics):
                path = os.path.join(folder, file)
                note.add(WARNING, "bands", f"{path} lies beside the mosaics, but {said} is not configured.")
