"""Section ``population``: all clusters of a field as one population."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class PopulationSection:
    """All clusters of a field as one population (target population), in the ranges of sed.posterior."""

    models: tuple[Literal["free", "burst", "two_bursts", "continuous"], ...] = key(
        ("free", "burst", "two_bursts", "continuous"),
        "Histories to compare - a smooth histogram of age and metallicity, one burst, two, formation at a "
        "constant rate.",
        min_items=1,
        unique=True,
    )
    age_bins: int = key(8, "Bins of equal width in log age of the fractions by age.", ge=2, le=50)
    model_error: float = key(
        0.03,
        "Fraction of the flux by which a single cluster differs from any model, in each band by itself.",
        ge=0.01,
        le=0.5,
    )
    mag_limit: dict[str, float] = key(
        {},
        "AB mag in the reference filter at which half of the clusters are listed, by field, {my_cluster: 29.5}; the "
        "population is then that down to a mass, else that of the list.",
        ge=15,
        le=45,
    )
    n_draws: int = key(240, "Draws of the posterior of each history.", ge=100, le=20000)
    seed: int = key(1, "Seed of the draws.", ge=0)
    in_report: bool = key(
        False, "Whether the verdict of the report rests on it too; the main job then fits it for each field."
    )
