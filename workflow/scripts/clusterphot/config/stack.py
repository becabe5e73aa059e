"""Section ``stack``: the mean image of the clean sources."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class StackKeys:
    """How the sources of a filter are combined."""

    method: Literal["clipped_mean", "median", "mean"] = key(
        "clipped_mean",
        "clipped_mean gives the same sources the same weights in every filter, so that colours do not depend on depth; "
        "median, of the images, as in Faisst et al. (2022); mean, weighted by inverse variance.",
    )
    annulus_px: tuple[float, float] = key(
        (5, 10),
        "Inner and outer radius (px of the filter concerned) of the local background.",
        ge=1,
        le=200,
    )
    n_resamples: int = key(200, "Bootstrap resamples of the sources, for the errors.", ge=20, le=10000)
    seed: int = key(1, "Seed of the bootstrap.", ge=0)


@section
class StackSection(StackKeys):
    """Stack of all clean sources of a field, per filter."""
