"""What a mosaic was drizzled from: how many exposures, of which pixels, with which drop; as its header tells.

Keywords of grizli (DAWN JWST Archive), of the JWST pipeline (``i2d``) and of AstroDrizzle. Pixels arcsec, areas
arcmin2.
"""

from dataclasses import dataclass, replace

from clusterphot.base.detectors import DETECTORS, find_detector

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
        A key of `clusterphot.base.detectors.DETECTORS`.
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
