"""What a mosaic was drizzled from: how many exposures, of which pixels, with which drop; as its header tells.

Keywords of grizli (DAWN JWST Archive), of the JWST pipeline (``i2d``) and of AstroDrizzle. Pixels arcsec, areas
arcmin2.
"""

from dataclasses import dataclass, replace

from clusterphot.base.filters import pivot_wavelength, sedpy_name


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
    """

    pixel_arcsec: float
    area_arcmin2: float
    field_arcmin2: float


DETECTORS = {
    "NIRCam short": Detector(0.031, 1.11, 8.9),
    "NIRCam long": Detector(0.063, 4.6, 9.2),
    "NIRISS": Detector(0.0656, 4.9, 4.9),
    "MIRI": Detector(0.110, 2.3, 2.3),
    "ACS WFC": Detector(0.050, 11.3, 11.3),
    "WFC3 UVIS": Detector(0.0396, 7.3, 7.3),
    "WFC3 IR": Detector(0.128, 4.6, 4.6),
}
"""Pixels and fields of view by the instruments' handbooks (JWST User Documentation; ACS and WFC3 Instrument Handbooks).
An instrument is one entry here, and its words in `find_detector`."""

MIRI_FROM_ANGSTROM = 52000.0
"""JWST's filters of longer wavelengths are MIRI's."""

NIRCAM_LONG_FROM_ANGSTROM = 23500.0
"""NIRCam's dichroic (Rieke et al. 2023, PASP 135, 028001)."""

N_EXPOSURES = 9
"""Exposures at a place where nothing tells how many: the usual number of dithers of deep fields."""

DROPPED_AS_SQUARES = ("square", "turbo")
"""Kernels of drizzle that lay down the square drop of the pixel."""

CARDS = {
    "DETECT": ("detector", "detector of the exposures"),
    "DETPIX": ("native_pixel_arcsec", "[arcsec] pixel of the detector"),
    "PIXFRAC": ("pixfrac", "drop over detector pixel of the drizzling"),
    "KERNEL": ("kernel", "kernel of the drizzling"),
    "NDRIZ": ("n_combined", "files or groups of exposures combined"),
    "DRIZAREA": ("area_arcmin2", "[arcmin2] on the sky of one of them"),
    "DETANGLE": ("angle_deg", "[deg] axes of the detector against the pixels"),
}
"""Header of a converted mosaic: attributes of `Drizzling` that are known."""


@dataclass(frozen=True)
class Drizzling:
    """How a mosaic was made; None where that is not known.

    Attributes
    ----------
    detector : str or None
        A key of `DETECTORS`.
    native_pixel_arcsec, pixfrac : float or None
    kernel : str or None
    n_combined : int or None
        Files (a detector each) or groups of exposures that were combined, all over the mosaic.
    area_arcmin2 : float or None
        On the sky, of one of these.
    angle_deg : float or None
        Between the axes of detector and mosaic, 0 to 90.
    """

    detector: str | None = None
    native_pixel_arcsec: float | None = None
    pixfrac: float | None = None
    kernel: str | None = None
    n_combined: int | None = None
    area_arcmin2: float | None = None
    angle_deg: float | None = None

    def cards(self):
        """Cards of the header of a converted mosaic."""
        known = {card: (getattr(self, name), comment) for card, (name, comment) in CARDS.items()}
        return {card: entry for card, entry in known.items() if entry[0] is not None}

    @classmethod
    def from_cards(cls, header):
        """What `cards` has put into a header."""
        return cls(**{name: header.get(card) for card, (name, _) in CARDS.items()})

    def mean_exposures(self, covered_arcmin2):
        """Mean number of exposures at a place with data; None if not known."""
        if self.n_combined is None:
            return None
        share = min(1.0, self.area_arcmin2 / covered_arcmin2) if self.area_arcmin2 else 1.0
        return max(1.0, self.n_combined * share)


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


def read_drizzling(cards, filter_name, pixel_scale_arcsec):
    """How a mosaic was drizzled, from the header that others gave it.

    Parameters
    ----------
    cards : mapping
    filter_name : str
    pixel_scale_arcsec : float

    Returns
    -------
    drizzling : Drizzling

    Notes
    -----
    grizli and AstroDrizzle count files in NDRIZIM; grizli writes PIXFRAC (DRIZPIXF), KERNEL and, in PSCALER, detector
    over mosaic pixel; AstroDrizzle D001PIXF and D001KERN. The JWST pipeline counts groups of exposures taken together
    in NDRIZ, writes PIXFRAC and KERNEL, and by default lays the mosaic along the axes of the detectors (its manual,
    argument ``rotation`` of the step resample).
    """
    name = find_detector(cards, filter_name)
    detector = DETECTORS.get(name)
    ratio = _positive(cards, "PSCALER")
    kernel = next((cards[key] for key in ("KERNEL", "DRIZKERN", "D001KERN") if cards.get(key)), None)
    drizzling = Drizzling(
        detector=name,
        native_pixel_arcsec=ratio * pixel_scale_arcsec if ratio else detector and detector.pixel_arcsec,
        pixfrac=_positive(cards, "PIXFRAC", "DRIZPIXF", "D001PIXF"),
        kernel=str(kernel).strip().lower() if kernel else None,
    )
    files, groups = _positive(cards, "NDRIZIM"), _positive(cards, "NDRIZ")
    if files:
        return replace(drizzling, n_combined=int(files), area_arcmin2=detector and detector.area_arcmin2)
    if groups:
        area = detector and detector.field_arcmin2
        return replace(drizzling, n_combined=int(groups), area_arcmin2=area, angle_deg=0.0)
    return drizzling


def _positive(cards, *keys):
    """The first of some cards that holds a positive number, or None."""
    for key in keys:
        value = cards.get(key)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return None
