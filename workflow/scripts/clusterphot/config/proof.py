"""Section ``proof``: errors proven on the user's own mosaics."""

from clusterphot.config.keys import key, section


@section
class DrawKeys:
    """What is put into the mosaics, and where."""

    seed: int = key(1, "Seed of places, fluxes and photons.", ge=0)
    reach_arcsec: float = key(
        1.0,
        "Artificial clusters lie within this distance (arcsec) of listed sources, so that they follow the list over "
        "the light.",
        gt=0,
        le=20,
    )
    clearance_arcsec: float = key(
        0.08,
        "Distance (arcsec) that they keep from listed sources; 0 puts them on listed sources too.",
        ge=0,
        le=5,
    )
    sizes_pc: tuple[float, ...] = key(
        (0.0,),
        "Half-light radii (pc, Plummer profiles) of artificial clusters, as many of each; 0 is a point.",
        ge=0,
        le=1000,
        min_items=1,
        unique=True,
    )


@section
class ProofSection(DrawKeys):
    """Artificial clusters and blank places in the real mosaics, measured as the list is; results/{field}/proof/."""

    n_injections: int = key(
        250,
        "Artificial clusters; more of them add to those that exist. With 0 nothing is proven.",
        ge=0,
        le=1000000,
    )
    n_blank: int = key(
        250,
        "Blank places fitted as if a source were there; more of them add to those that exist.",
        ge=0,
        le=1000000,
    )
    n_per_chunk: int = key(250, "Artificial clusters, and blank places, of one job.", ge=10, le=10000)
