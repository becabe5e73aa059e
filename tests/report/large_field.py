"""Files of a field of very many sources, as the rules before the report leave them; nothing of it was measured.

Cutouts are noise of the usual size, so that the cards weigh what real ones weigh. Fluxes nJy, ages Gyr.
"""

import base64
from pathlib import Path

import numpy as np
from astropy.table import Table
from clusterphot.base.png import encode_png
from clusterphot.base.tables import provenance, write_table
from clusterphot.report.field_report import FieldInputs
from clusterphot.report.numbers import dump, short_list, write_text
from clusterphot.report.stamps import BAD_INDEX, GAP_PX, make_palette
from clusterphot.ssp.grid import write_grid, write_projected_grid

SIDES_PX = (41, 41, 41, 21, 21, 21)
N_SHEETS = 50
"""Different sheets of cutouts; sources take them in turn."""
CHUNK = 100
QUANTILES = ("p025", "p16", "p50", "p84", "p975")


def write_inputs(folder, n, grid, projected, *, seed=1):
    """Write all files that the pages of the field ``large`` need.

    Parameters
    ----------
    folder : Path
    n : int
        Number of sources.
    grid : `clusterphot.ssp.grid.SspGrid`
    projected : `clusterphot.ssp.grid.ProjectedGrid`
    seed : int, optional

    Returns
    -------
    inputs : `clusterphot.report.field_report.FieldInputs`
    """
    field = Path(folder) / "results" / "large"
    (field / "pages").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    ids = [f"s{number:05d}" for number in range(n)]
    filters = list(projected.filters)
    write_grid(field / "grid.h5", grid)
    write_projected_grid(field / "projected.h5", projected)
    measured = _photometry(ids, filters, rng)
    paths = {
        name: str(field / f"{name}.ecsv")
        for name in ("photometry", "photometry_dereddened", "extinction", "clusters")
    }
    for name in ("photometry", "photometry_dereddened"):
        write_table(paths[name], measured, meta=_meta(name, filters=filters))
    write_table(paths["clusters"], _clusters(ids, projected, rng), meta=_meta("merge_sed"))
    write_table(paths["extinction"], Table({"filter": filters}), meta=_meta("compute_extinction", ebv=0.1))
    sheets = [_sheet(rng) for _ in range(N_SHEETS)]
    cards = []
    for first in range(0, n, CHUNK):
        path = field / "pages" / f"c{first:05d}.json"
        write_text(path, dump(_cards(ids[first : first + CHUNK], filters, sheets, rng)))
        cards.append(str(path))
    sky, image = field / "pages" / "sky.json", field / "pages" / "sky.jpg"
    places = {name: [round(float(v), 5) for v in rng.random(2)] for name in ids}
    write_text(sky, dump(_sky(places, filters)))
    _write_jpeg(image, rng)
    return FieldInputs(
        name="large",
        filters=filters,
        reference=filters[2],
        grids=["bc03"],
        redshift=projected.redshift,
        role="other",
        config={},
        codes={},
        dereddened=paths["photometry_dereddened"],
        extinction=paths["extinction"],
        projected=str(field / "projected.h5"),
        grid=str(field / "grid.h5"),
        clusters={"bc03": paths["clusters"]},
        cards=cards,
        figures=[],
        figures_made={},
        photometry=paths["photometry"],
        sky=str(sky),
        sky_images=[str(image)],
    )


def _meta(rule, **more):
    """Metadata as every table has them."""
    return provenance(rule, {"field": "large"}, {"code": "0"}, **more)


def _photometry(ids, filters, rng):
    """Fluxes, errors, positions and flags; every hundredth source has none."""
    n = len(ids)
    gone = np.arange(n) % 100 == 7
    table = Table({"id": ids, "ra": 110.8 + rng.uniform(0, 0.1, n), "dec": -73.4 + rng.uniform(0, 0.03, n)})
    table["flags"] = np.where(gone, 1, 0)
    for filt in filters:
        values = {
            "flux": rng.lognormal(3.0, 1.0, n),
            **{
                f"flux_err{kind}": rng.uniform(0.5, 2.0, n)
                for kind in ("", "_conditional", "_marginal", "_sys")
            },
            **{name: rng.uniform(0, 2000, n) for name in ("x", "y")},
            **{name: rng.normal(0, 0.1, n) for name in ("dx", "dy", "sky")},
            "chi2": rng.uniform(800, 1200, n),
        }
        for name, column in values.items():
            table[f"{name}_{filt}"] = np.where(gone, np.nan, column)
        table[f"dof_{filt}"] = 1000
        table[f"flags_{filt}"] = table["flags"]
        table[f"A_{filt}"] = 0.1
    return table


def _clusters(ids, projected, rng):
    """Best fits and posteriors."""
    n = len(ids)
    table = Table({"id": ids, "age_gyr": rng.choice(projected.age_gyr, n)})
    table["metallicity_zsun"] = rng.choice(projected.metallicity_zsun, n)
    for name in (
        "chi2",
        "log_mass",
        "log_mass_err",
        "log_mass_sed",
        "log_mass_sed_err",
        "log_mass_formed",
        "ml_v",
    ):
        table[name] = rng.uniform(0.1, 8.0, n)
    for quantity in ("age_gyr", "metallicity_zsun", "log_mass", "ml_v"):
        for name, values in zip(QUANTILES, np.sort(rng.uniform(0.1, 8, (5, n)), axis=0), strict=True):
            table[f"{quantity}_{name}"] = values
    table["p_age_edge"] = rng.random(n)
    table["log_evidence"] = rng.normal(-10, 2, n)
    table["dof"] = 3
    table["flags"] = 0
    return table


def _sheet(rng):
    """Noise in the places of cutouts, models and residuals."""
    height = max(SIDES_PX) + GAP_PX
    width = sum(SIDES_PX) + GAP_PX * (len(SIDES_PX) - 1)
    pixels = np.clip(rng.normal(16, 5, (3 * height - GAP_PX, width)), 0, BAD_INDEX).astype(np.uint8)
    return base64.b64encode(encode_png(pixels, make_palette())).decode("ascii")


def _cards(ids, filters, sheets, rng):
    """Cards of a chunk, as `clusterphot.report.cards.write_cards` lays them out."""
    n_age, n_metallicity, bands = 22, 12, len(filters)
    cards = {}
    for number, name in enumerate(ids):
        stamps = {
            "png": sheets[number % len(sheets)], "sizes": list(SIDES_PX), "scale": [-3, 20], "sigma": [1.5] * bands,
            "window": [8.0] * bands, "marks": [[[name, 20.0, 20.0]] for _ in filters], "missing": [],
        }  # fmt: skip
        best = rng.lognormal(3.0, 1.0, bands)
        cards[name] = {
            "stamps": stamps,
            "best": short_list(best, 4),
            "band": short_list(best * np.linspace(0.8, 1.2, 5)[:, None], 4),
            "map": base64.b64encode(rng.integers(0, 255, n_age * n_metallicity, dtype=np.uint8)).decode(
                "ascii"
            ),
        }
    return {
        "version": 1,
        "filters": filters,
        "age_edges": short_list(np.geomspace(0.3, 12, n_age + 1), 6),
        "metallicity_edges": short_list(np.geomspace(0.005, 2.5, n_metallicity + 1), 6),
        "cards": cards,
    }


def _sky(places, filters):
    """What is on the colour image."""
    return {
        "width": 1200, "height": 1200, "arcsec_per_px": 0.1, "kpc_per_arcsec": 5.29, "north_deg": 0.0,
        "east_left": True, "colors": dict(zip(("red", "green", "blue"), filters[::-2], strict=False)),
        "places": places,
    }  # fmt: skip


def _write_jpeg(path, rng):
    """An image of noise."""
    from matplotlib import image as mpl_image

    mpl_image.imsave(path, rng.random((1200, 1200)), format="jpg", cmap="gray")
