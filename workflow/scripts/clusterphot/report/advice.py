"""Which sources to use: yes, look first, or no, each with the reason.

Advice for a reader, nothing is selected by it: a source is never dropped.
"""

from dataclasses import dataclass

import numpy as np

from clusterphot.base.flags import FOUND_BY_FIT, Flag
from clusterphot.comparisons.contamination import LEAST_SNR

LIKELY = 0.5
"""Probability of being a cluster below which a source is more likely something else."""

NOT_MEASURED = Flag.FAILED | Flag.NO_DATA
SPOILED = Flag.EDGE | Flag.MASKED | Flag.AT_BOUND | Flag.BLENDED | Flag.SATURATED


@dataclass(frozen=True)
class Advice:
    """Of one source: ``use`` is yes, look or no; ``why`` the reason, ``kind`` the same without its numbers."""

    use: str
    why: str = ""
    kind: str = ""


def advise(measured, clusters, *, reference, contamination=None):
    """Advice for each source of a field, the strongest reason of each.

    Parameters
    ----------
    measured : `astropy.table.Table`
        Photometry: flags, flux_F and flux_err_F of the reference filter.
    clusters : `astropy.table.Table`
        SED fits of the same sources in the same order.
    reference : str
        Filter in which a source must be seen.
    contamination : `astropy.table.Table`, optional
        Probabilities of the same sources.

    Returns
    -------
    advice : list of `Advice`
    """
    flags = np.asarray(measured["flags"], dtype=int)
    of_fit = np.asarray(clusters["flags"], dtype=int)
    flux, err = (_floats(measured[f"{kind}_{reference}"]) for kind in ("flux", "flux_err"))
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = flux / err
    p_cluster = np.full(len(flags), np.nan)
    if contamination is not None:
        p_cluster = _floats(contamination["p_cluster"])
    advice = []
    for row, bits in enumerate(flags):
        spoiled = [flag.name for flag in SPOILED if bits & flag]
        if bits & NOT_MEASURED or not np.isfinite(snr[row]):
            advice.append(Advice("no", "not measured", "not measured"))
        elif spoiled:
            advice.append(
                Advice("no", f"photometry: {', '.join(spoiled)}", "spoiled by an edge, a mask or a neighbour")
            )
        elif snr[row] < LEAST_SNR:
            words = f"below {LEAST_SNR:g} sigma in {reference}"
            advice.append(Advice("no", f"{words}: {snr[row]:.1f}", words))
        elif p_cluster[row] < LIKELY:
            galaxy = contamination["p_galaxy"][row] >= contamination["p_star"][row]
            words = f"more likely a {'galaxy' if galaxy else 'star'} than a cluster"
            advice.append(Advice("no", f"{words}: P(cluster) {p_cluster[row]:.2f}", words))
        elif contamination is not None and contamination["is_control"][row]:
            advice.append(Advice("no", "in the control region", "in the control region"))
        elif of_fit[row] & Flag.POOR_FIT:
            words = "no model fits the fluxes"
            chi2 = f"chi-square {float(clusters['chi2'][row]):.0f} for {int(clusters['dof'][row])}"
            advice.append(Advice("look", f"{words}: {chi2}", words))
        elif of_fit[row] & Flag.MASS_PRIOR:
            advice.append(Advice("look", "the mass is that of the prior", "mass of the prior"))
        elif (bits | of_fit[row]) & ~int(FOUND_BY_FIT):
            names = ", ".join(flag.name for flag in Flag if (bits | of_fit[row]) & flag & ~int(FOUND_BY_FIT))
            advice.append(Advice("look", names, "another flag"))
        else:
            advice.append(Advice("yes"))
    return advice


def _floats(column):
    """Values as floats, NaN where masked."""
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
