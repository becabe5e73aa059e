"""Telescopes and detectors of the mosaics: apertures, pixels, fields of view, and which of them a filter belongs to.

Pixels arcsec, areas arcmin2, wavelengths Angstrom, lengths m.
"""

from dataclasses import dataclass

from clusterphot.base.filters import pivot_wavelength, sedpy_name

APERTURE_M = {"jwst": 6.5, "hst": 2.4}
"""Diameters of the telescopes' apertures."""


@dataclass(frozen=True)
class Detector:
    """Detector of an instrument.

    Attributes
    ----------
    pixel_arcsec : float
    area_arcmin2 : float
        On the sky, of what one file of exposures holds.
    field_arcmin2 : float
        Of all detectors that are exposed together.
    telescope : str
        A key of `APERTURE_M`.
    """

    pixel_arcsec: float
    area_arcmin2: float
    field_arcmin2: float
    telescope: str = "jwst"


DETECTORS = {
    "NIRCam short": Detector(0.031, 1.11, 8.9),
    "NIRCam long": Detector(0.063, 4.6, 9.2),
    "NIRISS": Detector(0.0656, 4.9, 4.9),
    "MIRI": Detector(0.110, 2.3, 2.3),
    "ACS WFC": Detector(0.050, 11.3, 11.3, "hst"),
    "WFC3 UVIS": Detector(0.0396, 7.3, 7.3, "hst"),
    "WFC3 IR": Detector(0.128, 4.6, 4.6, "hst"),
}
"""Pixels and fields of view by the instruments' handbooks (JWST User Documentation; ACS and WFC3 Instrument Handbooks).
An instrument is one entry here, and its words in `find_detector`."""

MIRI_FROM_ANGSTROM = 52000.0
"""JWST's filters of longer wavelengths are MIRI's."""

INTERPIXEL_COUPLING = 0.0065
"""Share of a pixel's signal that each of its four neighbours takes by capacitance: pyNRC's for NIRCam."""

NIRCAM_LONG_FROM_ANGSTROM = 23500.0
"""NIRCam's dichroic (Rieke et al. 2023, PASP 135, 028001)."""


def find_detector(cards, filter_name):
    """Name of the detector, a key of `DETECTORS`, or None.

    Parameters
    ----------
    cards : mapping
        Header of the mosaic; where it names no instrument, the filter does.
    filter_name : str

    Examples
    --------
    >>> find_detector({}, "F277W"), find_detector({"INSTRUME": "NIRISS"}, "F200W"), find_detector({}, "acs_wfc_f606w")
    ('NIRCam long', 'NIRISS', 'ACS WFC')
    """
    name = sedpy_name(filter_name)
    said = str(cards.get("INSTRUME", "")).upper(), str(cards.get("DETECTOR", "")).upper()
    words = " ".join(said) if said[0] else name.replace("_", " ").upper()
    for detector in ("NIRISS", "MIRI", "ACS WFC", "WFC3 UVIS", "WFC3 IR"):
        if all(word in words.split() for word in detector.upper().split()):
            return detector
    if not name.startswith("jwst_") or said[0] not in ("", "NIRCAM"):
        return None
    if pivot_wavelength(filter_name) > MIRI_FROM_ANGSTROM:
        return "MIRI"
    return "NIRCam long" if pivot_wavelength(filter_name) > NIRCAM_LONG_FROM_ANGSTROM else "NIRCam short"
