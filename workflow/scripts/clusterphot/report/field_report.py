"""The folder of one field: its page, the table and cards of its sources, and where the numbers come from.

See `clusterphot.report.pages` for how pages are written. Fluxes nJy, ages Gyr.
"""

from dataclasses import asdict, dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

import numpy as np

from clusterphot.base.filters import load_filter
from clusterphot.base.tables import read_table
from clusterphot.figures.registry import SECTIONS
from clusterphot.figures.style import filter_color
from clusterphot.report import pages
from clusterphot.report.advice import advise
from clusterphot.report.cards import merge_cards
from clusterphot.report.figure_entries import sort_figures
from clusterphot.report.numbers import dump, write_text
from clusterphot.report.proof_page import ProofTables, describe_proof
from clusterphot.report.provenance import anchor_of, as_yaml, describe_file, link_sources
from clusterphot.report.quality import filter_rows, format_filter_table
from clusterphot.report.sky import read_sky
from clusterphot.report.source_table import make_columns, table_script
from clusterphot.report.spectra import spectra_library
from clusterphot.report.verdict import Evidence, give_verdict
from clusterphot.ssp.grid import read_projected_grid

SED_MARGIN = 1.18
NEIGHBOUR_ARCSEC = 2.0
N_NEIGHBOURS = 8

EVIDENCE = {
    "clusters": lambda inputs: inputs.clusters[inputs.grids[0]],
    "stack": lambda inputs: inputs.stack,
    "sizes": lambda inputs: inputs.joined.get("sizes"),
    "predictive": lambda inputs: inputs.predictive,
    "population": lambda inputs: inputs.population,
    "proof": lambda inputs: inputs.proof,
    "robustness": lambda inputs: inputs.robustness,
}
"""Paths of the tables that the verdict rests on (`clusterphot.report.verdict.PARTS`), from `FieldInputs`."""

KINDS = {
    "published": "published photometry, Faisst et al. (2022)",
    "simulated": "simulated field, truth known",
    "other": "",
}
"""Words for what a field is, beside its name."""


@dataclass(frozen=True)
class FieldInputs:
    """Files and values behind the pages of a field.

    Attributes
    ----------
    name : str
    filters : list of str
    reference : str
        Filter shown first.
    grids : list of str
        The fiducial one first.
    redshift : float
    role : {'published', 'simulated', 'other'}
        What the field is beside that of Faisst et al. (2022).
    config : dict
        Of the run.
    codes : dict of str to str
        Digest of the code of each rule.
    dereddened, extinction, projected, grid : str
    clusters : dict of str to str
        By grid.
    cards, figures : list of str
    figures_made : dict of str to dict
        By path of a figure: ``input``, paths, and ``params``, by name, of the job that drew it.
    photometry, stack, sky, proof, summary, predictive, population, robustness : str or None
    proven_sources, scaling, systematics : str or None
        Of a field whose errors are proven.
    sky_images : list of str
        Colour image with the halo, and without.
    psfs, noises, offsets : dict of str to str
        By filter.
    joined : dict of str to str
        More tables by id.
    origins : list of str
        More files whose origin is shown.
    """

    name: str
    filters: list
    reference: str
    grids: list
    redshift: float
    role: str
    config: dict
    codes: dict
    dereddened: str
    extinction: str
    projected: str
    grid: str
    clusters: dict
    cards: list
    figures: list
    figures_made: dict
    photometry: str | None = None
    stack: str | None = None
    sky: str | None = None
    sky_images: list = dataclass_field(default_factory=list)
    proof: str | None = None
    summary: str | None = None
    predictive: str | None = None
    population: str | None = None
    robustness: str | None = None
    proven_sources: str | None = None
    scaling: str | None = None
    systematics: str | None = None
    psfs: dict = dataclass_field(default_factory=dict)
    noises: dict = dataclass_field(default_factory=dict)
    offsets: dict = dataclass_field(default_factory=dict)
    joined: dict = dataclass_field(default_factory=dict)
    origins: list = dataclass_field(default_factory=list)

    @property
    def measured(self):
        """The table of fluxes as measured; a field given de-reddened has only the other."""
        return self.photometry or self.dereddened

    def all_files(self):
        """All files whose origin is shown, each once."""
        images = [path for group in (self.psfs, self.noises, self.offsets) for path in group.values()]
        single = [self.photometry, self.dereddened, *self.clusters.values(), self.stack, self.extinction]
        more = [
            *self.joined.values(),
            self.proof,
            self.summary,
            self.predictive,
            self.population,
            self.robustness,
            self.proven_sources,
            self.scaling,
            self.systematics,
            *self.origins,
            *images,
            self.grid,
        ]
        return list(dict.fromkeys(path for path in (*single, *more) if path))


def write_field(folder, inputs):
    """Write the folder of a field.

    Parameters
    ----------
    folder : str
    inputs : `FieldInputs`

    Returns
    -------
    summary : dict
        What the first page of the report says of the field; also in ``summary.json``.
    """
    folder = Path(folder)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    tables = _read_tables(inputs)
    ids = [str(name) for name in tables["dereddened"]["id"]]
    cards, shared = merge_cards(inputs.cards, ids, inputs.redshift)
    sky = read_sky(inputs.sky) if inputs.sky else None
    measured = tables["dereddened"] if inputs.photometry is None else tables["photometry"]
    advice = advise(
        measured,
        tables["clusters"][inputs.grids[0]],
        reference=inputs.reference,
        contamination=tables.get("contamination"),
    )
    _write_data(data, inputs, tables, cards, shared, sky, advice)
    pages.copy_assets(folder / "assets")
    shown = inputs.figures
    if sky is not None:  # takes the place of the overview figure, whose PDF is kept
        for path in inputs.sky_images:
            (folder / Path(path).name).write_bytes(Path(path).read_bytes())
        shown = [path for path in shown if Path(path).name != "overview.png"]
    figures = pages.copy_figures(sort_figures(shown, inputs.figures_made), folder / "figures")
    if sky is not None:
        pages.copy_overview(inputs.figures, folder / "figures")
    summary = _write_pages(folder, inputs, tables, figures, sky, advice)
    write_text(folder / "summary.json", dump(summary) + "\n")
    return summary


def _read_tables(inputs):
    """All tables by the keys of `clusterphot.report.source_table.make_columns`, and stack and summary."""
    tables = {
        "dereddened": read_table(inputs.dereddened),
        "photometry": read_table(inputs.photometry) if inputs.photometry else None,
        "clusters": {grid: read_table(path) for grid, path in inputs.clusters.items()},
    }
    return tables | {key: read_table(path) for key, path in inputs.joined.items()}


def _write_data(data, inputs, tables, cards, shared, sky, advice):
    """Scripts that the pages read."""
    columns = make_columns(
        tables,
        filters=inputs.filters,
        reference=inputs.reference,
        grids=inputs.grids,
        advice=advice,
        origins={
            "dereddened": anchor_of(inputs.dereddened),
            "photometry": anchor_of(inputs.measured),
            "clusters": {grid: anchor_of(path) for grid, path in inputs.clusters.items()},
            **{key: anchor_of(path) for key, path in inputs.joined.items()},
        },
    )
    pages.write_script(data / "table.js", "table", table_script(columns))
    n_pages = pages.write_card_pages(data, cards)
    waves = [float(load_filter(filt).wave_pivot) for filt in inputs.filters]
    projected = read_projected_grid(inputs.projected)
    spectra = spectra_library(
        projected,
        inputs.grid,
        wave_range_micron=(min(waves) / 1e4 / SED_MARGIN, max(waves) / 1e4 * SED_MARGIN),
        band=list(projected.filters).index(inputs.reference),
    )
    pages.write_script(data / "spectra.js", "spectra", spectra)
    field = {
        "name": inputs.name,
        "filters": inputs.filters,
        "bands": shared["filters"],
        "waves": [round(wave / 1e4, 4) for wave in waves],
        "colors": [filter_color(wave) for wave in waves],
        "reference": inputs.reference,
        "grids": inputs.grids,
        "redshift": inputs.redshift,
        "observed": inputs.photometry is not None,
        "age_edges": shared["age_edges"],
        "metallicity_edges": shared["metallicity_edges"],
        "flags": pages.flag_words(),
        "cutout_arcsec": inputs.config.get("photometry", {}).get("cutout_size_arcsec"),
        "n_pages": n_pages,
        "cards_per_page": pages.CARDS_PER_PAGE,
        "neighbours": nearest(tables["dereddened"] if inputs.photometry is None else tables["photometry"]),
        "sky": sky,
        "origins": {
            "fluxes": anchor_of(inputs.measured),
            "dereddened": anchor_of(inputs.dereddened),
            "clusters": {grid: anchor_of(path) for grid, path in inputs.clusters.items()},
            "stamps": anchor_of(inputs.psfs[inputs.reference]) if inputs.psfs else anchor_of(inputs.measured),
        },
    }
    pages.write_script(data / "field.js", "field", field)
    if sky is not None:
        measured = tables["photometry"]["id", "flags"]
        sources = [
            [str(name), *sky["places"][str(name)], int(bits), one.use]
            for name, bits, one in zip(measured["id"], measured["flags"], advice, strict=True)
            if str(name) in sky["places"]
        ]
        plain = {key: value for key, value in sky.items() if key != "places"}
        pages.write_script(data / "sky.js", "sky", plain | {"field": inputs.name, "sources": sources})


def _proof_tables(inputs, photometry, matched):
    """What the page of proof rests on."""
    paths = (inputs.proof, inputs.proven_sources, inputs.scaling)
    return ProofTables(
        *(read_table(path) for path in paths),
        photometry=photometry,
        systematics=read_table(inputs.systematics),
        recovery=read_table(inputs.summary) if inputs.summary else None,
        matched=matched if inputs.summary else None,
    )


def nearest(table):
    """Nearest listed sources of each source.

    Parameters
    ----------
    table : `astropy.table.Table`
        ra, dec in degrees; without these columns nothing is near.

    Returns
    -------
    neighbours : list of list of [row, separation in arcsec]
        Within `NEIGHBOUR_ARCSEC`, the nearest `N_NEIGHBOURS`, nearest first.
    """
    from scipy.spatial import cKDTree

    if not {"ra", "dec"} <= set(table.colnames):
        return [[] for _ in range(len(table))]
    ra, dec = (
        np.radians(np.ma.filled(np.ma.asarray(table[name], dtype=float), np.nan)) for name in ("ra", "dec")
    )
    unit = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    placed = np.flatnonzero(np.isfinite(unit).all(axis=1))
    found = [[] for _ in range(len(table))]
    tree = cKDTree(unit[placed])
    reach = 2.0 * np.sin(np.radians(NEIGHBOUR_ARCSEC / 3600.0) / 2.0)
    distance, index = tree.query(unit[placed], k=N_NEIGHBOURS + 1, distance_upper_bound=reach)
    for row, (separations, others) in enumerate(
        zip(np.atleast_2d(distance), np.atleast_2d(index), strict=True)
    ):
        found[placed[row]] = [
            [int(placed[other]), round(float(np.degrees(2.0 * np.arcsin(0.5 * chord)) * 3600.0), 3)]
            for chord, other in zip(separations, others, strict=True)
            if other < len(placed) and other != row
        ]
    return found


def _write_pages(folder, inputs, tables, figures, sky, advice):
    """The pages of a field; what the first page of the report needs."""
    environment = pages.make_environment()
    fiducial = inputs.grids[0]
    measured = tables["dereddened"] if inputs.photometry is None else tables["photometry"]
    paths = {key: path for key, find in EVIDENCE.items() if (path := find(inputs))}
    assumed = {
        "redshift": f"{inputs.redshift:g}",
        "ebv": f"{read_table(inputs.extinction).meta['ebv']:.3g}",
        "grid": fiducial,
    }
    evidence = Evidence({key: read_table(path) for key, path in paths.items()}, paths, advice, assumed)
    verdict = [asdict(one) | {"anchor": anchor_of(one.origin)} for one in give_verdict(evidence)]
    rows = filter_rows(
        inputs.filters,
        measured,
        psfs=inputs.psfs,
        noises=inputs.noises,
        offsets=inputs.offsets,
        proof=read_table(inputs.proof) if inputs.proof else None,
        recovery=read_table(inputs.summary) if inputs.summary else None,
    )
    heads, lines = format_filter_table(rows, inputs.name, inputs.measured)
    common = {
        "field": inputs.name, "up": "../index.html", "categories": SECTIONS, "role": inputs.role,
        "kind": KINDS[inputs.role], "proven": inputs.proof is not None,
    }  # fmt: skip
    if inputs.proof:
        statement = next((one for one in verdict if one["topic"] == "Errors"), None)
        proof = describe_proof(_proof_tables(inputs, measured, tables.get("recovery")), inputs.filters)
        pages.write_page(
            environment,
            "proof.html",
            folder / "proof.html",
            page="proof",
            proof=proof,
            statement=statement,
            **common,
        )
    pages.write_page(
        environment, "field.html", folder / "index.html", page="field", verdict=verdict, heads=heads, lines=lines,
        figures=figures, sky=sky, n_sources=len(advice), filters=inputs.filters, **common,
    )  # fmt: skip
    pages.write_page(environment, "clusters.html", folder / "clusters.html", page="clusters", **common)
    sources = [describe_file(path, config=inputs.config, codes=inputs.codes) for path in inputs.all_files()]
    entries = [
        (shown["entry"], as_yaml(shown["entry"].parameters)) for group in figures.values() for shown in group
    ]
    pages.write_page(
        environment, "origins.html", folder / "origins.html", page="origins", sources=sources, entries=entries,
        links=link_sources(sources), codes=inputs.codes, **common,
    )  # fmt: skip
    picture = "sky.jpg" if sky is not None else None
    for shown in figures.get("stack", []) + figures.get("photometry", []):
        picture = picture or shown["png"]
    return {
        "name": inputs.name, "role": inputs.role, "kind": KINDS[inputs.role], "verdict": verdict, "picture": picture,
        "photograph": sky is not None, "n_sources": len(advice), "filters": inputs.filters,
    }  # fmt: skip
