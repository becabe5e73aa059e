"""Quality bits of every table: bit, name and sentence, defined once.

A bit is set only for what a careful user would want to cut on; 0 means nothing to say.
"""

from enum import IntFlag


class Flag(IntFlag):
    """Bits of the ``flags`` columns."""

    NONE = 0
    EDGE = 1 << 0
    MASKED = 1 << 1
    AT_BOUND = 1 << 2
    BLENDED = 1 << 3
    SATURATED = 1 << 4
    FAILED = 1 << 5
    NO_DATA = 1 << 6
    ERROR_REPLACED = 1 << 7
    DOMINATED = 1 << 8
    OLDER_THAN_UNIVERSE = 1 << 9
    NEGATIVE_LUMINOSITY = 1 << 10
    TOO_FEW_BANDS = 1 << 11
    LOW_SNR = 1 << 12
    POOR_FIT = 1 << 13
    MASS_PRIOR = 1 << 14
    UNUSABLE_BAND = 1 << 15
    OFFSET_UNKNOWN = 1 << 16
    LENSING_UNKNOWN = 1 << 17


FOUND_BY_FIT = (
    Flag.OLDER_THAN_UNIVERSE | Flag.NEGATIVE_LUMINOSITY | Flag.DOMINATED | Flag.POOR_FIT | Flag.MASS_PRIOR
)
"""Bits that an SED fit sets for what it found: to select by them would bias what is left of a sample."""

SENTENCES = {
    Flag.EDGE: "part of the cutout lies outside the image",
    Flag.MASKED: "bad or missing pixels near the centre of the source",
    Flag.AT_BOUND: "the fitted position ended on its bound, or brighter light lies just beyond it; the flux is not "
    "that of the listed source",
    Flag.BLENDED: "a neighbour is too close to be separated; only the sum of the fluxes is measured",
    Flag.SATURATED: "saturated pixels near the centre of the source",
    Flag.FAILED: "the fit failed; values are NaN",
    Flag.NO_DATA: "no valid pixels or no measured flux; values are NaN",
    Flag.ERROR_REPLACED: "a flux error that was zero or absurdly small was replaced by the median of the other bands",
    Flag.DOMINATED: "one band carries nearly all the weight of the SED fit (sed.dominated_weight_fraction)",
    Flag.OLDER_THAN_UNIVERSE: "the best-fitting age exceeds the age of the Universe at this redshift",
    Flag.NEGATIVE_LUMINOSITY: "flux in the V filter or normalisation not positive; that mass is NaN",
    Flag.TOO_FEW_BANDS: "fewer than three measured bands; age and metallicity are not constrained",
    Flag.LOW_SNR: "too faint for a limit of the size (sizes.min_snr)",
    Flag.POOR_FIT: "the model does not describe the data, errors allowed for; values may be those of something else",
    Flag.MASS_PRIOR: "the mass lies at or beyond an end of the prior (sed.posterior); the posterior is not to be used",
    Flag.UNUSABLE_BAND: "a band beyond any measurement (a sentinel), or without information, was taken as missing",
    Flag.OFFSET_UNKNOWN: "the offset of this filter's image from the reference filter could not be measured; "
    "the position is that of the two WCS",
    Flag.LENSING_UNKNOWN: "outside the map of magnification, or without a value; intrinsic values are NaN",
}


def describe_flags():
    """Dictionary ``{bit: 'NAME: sentence'}`` for the metadata of a table."""
    return {int(flag): f"{flag.name}: {sentence}" for flag, sentence in SENTENCES.items()}
