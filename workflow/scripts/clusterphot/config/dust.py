"""Section ``dust``: the Milky Way in front of a field."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class DustSection:
    """Correction for Milky Way dust."""

    law: Literal["fitzpatrick99"] = key(
        "fitzpatrick99", "Extinction curve: Fitzpatrick (1999, PASP 111, 63)."
    )
    r_v: float = key(3.1, "A_V / E(B-V), dimensionless.", ge=2, le=6)
    sfd_map_dir: str | None = key(
        None,
        "Folder with SFD_dust_4096_ngp.fits and SFD_dust_4096_sgp.fits; needed by fields with `ebv = sfd`.",
    )
    reference_age_gyr: float = key(
        1.5,
        "Age (Gyr) of the SSP spectrum behind which extinction is integrated through each filter.",
        ge=0.001,
        le=14,
    )
    reference_metallicity_zsun: float = key(
        0.2, "Metallicity (solar units) of that spectrum; a node of the fiducial grid.", gt=0, le=5
    )
