"""Sections ``batching``, ``cosmology``, ``tables`` and ``figures``: what the whole run shares."""

from typing import Literal

from clusterphot.config.keys import key, section


@section
class BatchingSection:
    """How sources are dealt into jobs."""

    n_chunks: Literal["auto", "per_source"] | int = key(
        "auto",
        "auto, a number of chunks, or per_source (one job per source and filter).",
        ge=1,
        le=10000,
    )


@section
class CosmologySection:
    """Flat Lambda-CDM."""

    h0: float = key(70.0, "Hubble constant (km/s/Mpc).", ge=30, le=120)
    omega_m: float = key(0.3, "Matter density.", gt=0, le=1)


@section
class TablesSection:
    """Tables for other programs."""

    formats: tuple[Literal["fits", "votable"], ...] = key(
        (),
        "Formats in which merged tables are written beside ECSV: fits, votable; photometry.fits is always there.",
        unique=True,
    )


@section
class FiguresSection:
    """Figures."""

    dpi: int = key(
        200,
        "Resolution of PNG files (dots per inch); a vector PDF is written beside each.",
        ge=50,
        le=600,
    )
    black_body_k: tuple[float, ...] = key(
        (3000, 3400),
        "Temperatures (K) of the black bodies drawn beside the SED of the stack.",
        ge=500,
        le=50000,
        max_items=4,
    )
