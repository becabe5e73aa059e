"""Whether artificial clusters and blank places say what the truth says, on simulated exposures (`make bench-proof`).

Writes the tables of docs/proof.md. First, fields whose list is compared with the truth and with artificial clusters,
with true PSFs given over the field and with PSFs built from its stars. Second, fields whose depth has a step and whose
dithers leave edges and a gap, in which blank places are fitted region by region, with the noise as it is measured and
with one number for each filter. Finished fields are kept; an interrupted run goes on.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot.base.products import Mosaic  # noqa: E402
from clusterphot.base.tables import read_table  # noqa: E402
from clusterphot.config.photometry import PhotometrySection  # noqa: E402
from clusterphot.config.proof import ProofSection  # noqa: E402
from clusterphot.measure.fit import FitOptions  # noqa: E402
from clusterphot.measure.neighbours import search_radius  # noqa: E402
from clusterphot.proof import agreement, recovery, summary  # noqa: E402
from clusterphot.proof.bands import Band, Manner  # noqa: E402
from clusterphot.proof.blank import draw_blank  # noqa: E402
from clusterphot.proof.donors import Listed  # noqa: E402
from clusterphot.proof.draw import DrawOptions  # noqa: E402
from clusterphot.proof.outcome import prove_blank, stack_outcomes  # noqa: E402
from clusterphot.proof.recovery import robust_scatter  # noqa: E402
from clusterphot.psf.noise import measure_noise  # noqa: E402
from clusterphot.simulate.drizzled import drizzle_filter, mosaic_psf  # noqa: E402
from clusterphot.simulate.truth import source_list  # noqa: E402
from marked_page import markdown_table, write_between_marks  # noqa: E402
from simulated_field import draw_truth, entry, run_workflow, write_mosaics  # noqa: E402

FILTERS = ("F150W", "F200W", "F277W")
SEEDS = (1, 2, 3, 4)
PSFS = {"given": "true", "built": "built"}
CLEARANCE_ARCSEC = 0.6
"""Of unlisted stars and galaxies from clusters, as in a list chosen by eye."""

TRUTH = {"size_arcsec": 34.0, "n_clusters": 240, "clearance_arcsec": CLEARANCE_ARCSEC}
"""More clusters to a field than the published one has: the truth is what limits the comparison."""

EXACT = {"zero_point_scatter": 0.0}
"""Zero points are right: artificial clusters do not have their errors."""

N_INJECTIONS, N_BLANK = 1000, 250

STEPS = {
    "twice the exposures": {"n_exposures": 8, "n_partial": 4},
    "twice the depth": {"n_exposures": 12, "n_partial": 9},
}
"""Exposures of the deep half and how many of them do not reach the other: noise that differs by 1.4 and by 2."""

STEP_FIELD = {
    "size_arcsec": 34.0,
    "n_clusters": 60,
    "clearance_arcsec": CLEARANCE_ARCSEC,
    "galaxies_per_arcsec2": 0.1,
}
STEP_FILTERS = ("F200W", "F277W")
"""One of each channel; F200W is the reference of the scene."""

N_STEP_BLANK, CHUNK = 4500, 300
"""Blank places of a field with a step, more than 1,200 in each half; at a time."""

DEEP_QUANTILE = 0.9
"""Of the depths of places, taken for that of the deep half."""

EDGE_SHARE = 0.8
"""Places with less of their half's typical weight lie on edges of dithers or in the gap."""


# ---- artificial clusters against the truth -------------------------------------------------------------------


def simulate(folder, seed):
    """Write a field of the first part, unless it is there."""
    truth = draw_truth(seed, filters=FILTERS, exposures=EXACT, **TRUTH)
    write_once(folder, truth)
    more = "    truth: truth.ecsv\n"
    given = {"given": "psf_grid.fits", "built": None}
    text = "".join(entry(name, truth, "sources.csv", psf=given[name], more=more) for name in PSFS)
    numbers = f"proof: {{n_injections: {N_INJECTIONS}, n_blank: {N_BLANK}}}\n"
    (folder / "field.yaml").write_text(f"{numbers}fields:\n{text}", encoding="utf-8")


def write_once(folder, truth):
    """Mosaics and source list of a truth."""
    if not (folder / "sources.csv").exists():
        write_mosaics(folder, truth)
        source_list(truth).write(folder / "sources.csv", format="ascii.csv", overwrite=True)


def measured(folder, name):
    """Outcomes of the artificial clusters of a field, and its list beside the truth."""
    results = folder / "results" / name
    outcome = stack_outcomes(
        [read_table(path) for path in sorted((results / "proof" / "chunks").glob("*.ecsv"))]
    )
    truth = recovery.read_truth(folder / "truth.ecsv")
    return outcome, recovery.match_truth(read_table(results / "photometry.ecsv"), truth, FILTERS)


def compared(folders, name, systematic):
    """Comparison of some fields together, with one kind of PSFs: one summary of all their sources each."""
    fields = [measured(folder, name) for folder in folders]
    outcome, matched = (vstack(list(some), metadata_conflicts="silent") for some in zip(*fields, strict=True))
    rows = [row for filt in FILTERS for row in recovery.flux_rows(matched, filt)]
    proof = summary.summarise(outcome, FILTERS)
    return agreement.compare_with_truth(proof, Table(rows), FILTERS, systematic=systematic)


def truth_tables(fields, n_built):
    """Smallest p values of each field and of all together, and the latter bin by bin, as Markdown."""
    chances, bins = [], []
    for name, words in PSFS.items():
        samples = {
            label: [folder] for label, folder in list(fields.items())[: None if name == "given" else n_built]
        }
        if not samples:
            continue
        samples |= {"all": [folder for folders in samples.values() for folder in folders]}
        for label, folders in samples.items():
            for systematic, errors in ((False, "random"), (True, "and systematic")):
                table = compared(folders, name, systematic)
                if systematic and not np.any(table["sys_error"]):
                    continue  # true PSFs: there is none
                least, number = agreement.smallest_chance(table)
                needed = agreement.CHANCE / number
                verdict = "yes" if least > needed else "**no**"
                chances.append([words, label, errors, number, f"{least:.2g}", f"{needed:.1g}", verdict])
        bins += [[words, *cells] for cells in bin_rows(table)]
    heads = ["PSF", "filter", "mag", "put in, truth", "bias, put in (%)", "truth (%)", "quoted (%)"]
    heads += ["scatter, put in", "truth", "p of bias", "p of scatter"]
    return "\n\n".join(
        [
            markdown_table(
                ["PSF", "seed", "errors", "p values", "smallest", "must exceed", "agree"], chances
            ),
            "All seeds together, p values with both errors:",
            markdown_table(heads, bins),
        ]
    )


def bin_rows(table):
    """Cells of the rows of a comparison that have p values."""
    for row in table[np.isfinite(table["p_scatter"])]:
        ends = "all" if np.isnan(row["mag_low"]) else f"{row['mag_low']:g} to {row['mag_high']:g}"
        biases = [
            f"{100 * row[f'{of}bias']:+.2f} +- {100 * row[f'{of}bias_err']:.2f}" for of in ("", "true_")
        ]
        scatter = [
            f"{row[f'{of}pull_scatter']:.2f} +- {row[f'{of}pull_scatter_err']:.2f}" for of in ("", "true_")
        ]
        chances = [f"{row[name]:.2f}" for name in ("p_bias", "p_scatter")]
        number = f"{row['n']}, {row['n_true']}"
        yield [row["filter"], ends, number, *biases, f"{100 * row['sys_error']:.2f}", *scatter, *chances]


# ---- blank places by depth ------------------------------------------------------------------------------------


def blank_pulls(folder, kind, filt, seed):
    """Outcomes of blank places: with the noise as measured, and with one number for the filter on the same places."""
    target = folder / f"blank_{filt}.ecsv"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        truth = draw_truth(seed, filters=STEP_FILTERS, exposures=EXACT | STEPS[kind], **STEP_FIELD)
        image = drizzle_filter(truth, filt)
        gain = truth.meta["simulation"]["exposures"]["gain_e_per_njy"]
        mosaic = Mosaic(image.sci, image.wht, image.wcs, image.pixel_scale_arcsec, filt, gain_e_per_njy=gain)
        noise = measure_noise(mosaic)
        parts = Band(mosaic, mosaic_psf(image), noise)
        one = replace(parts, noise=replace(noise, parts=(), edges=()))
        listed = source_list(truth)
        listed["is_donor"] = False
        listed = Listed(listed, [filt])
        manner = Manner(FitOptions(), PhotometrySection.cutout_size_arcsec, "psf")
        reach = search_radius(manner.cutout_size_arcsec, manner.options.joint_radius_arcsec)
        tables = []
        for first in range(0, N_STEP_BLANK, CHUNK):
            places = draw_blank(range(first, first + CHUNK), [parts], listed, manner, DrawOptions(), reach)
            for name, band in (("parts", parts), ("one", one)):
                table = prove_blank(places, [band], listed, manner)
                table["noise"], table["n_parts"] = name, max(len(noise.parts), 1)
                tables.append(table)
        vstack(tables, metadata_conflicts="silent").write(target, format="ascii.ecsv")
    return Table.read(target, format="ascii.ecsv")


def region_of(depth, kind):
    """Name of the region of each place, from its depth (AB mag) by the weights."""
    weight = 10 ** (0.8 * (depth - np.quantile(depth, DEEP_QUANTILE)))
    exposures = STEPS[kind]
    share = 1.0 - exposures["n_partial"] / exposures["n_exposures"]
    region = np.full(len(depth), "edges and gap", dtype="U13")
    region[weight > EDGE_SHARE] = "deep"
    region[(weight > EDGE_SHARE * share) & (weight < share / EDGE_SHARE)] = "shallow"
    return region


def step_table(folder, kinds, seed):
    """Scatter of the pulls of blank places by region, as Markdown."""
    rows = []
    for kind in kinds:
        for filt in STEP_FILTERS:
            table = blank_pulls(folder / f"{kind.replace(' ', '_')}_{seed}", kind, filt, seed)
            region = region_of(np.asarray(table[f"depth_{filt}"]), kind)
            good, noise = summary.clean(table, filt), np.asarray(table["noise"])
            for name in ("deep", "shallow", "edges and gap"):
                cells = []
                for of in ("parts", "one"):
                    pull = np.asarray(table[f"pull_{filt}"])[(region == name) & (noise == of) & good]
                    pull = pull[np.isfinite(pull)]
                    scatter = robust_scatter(pull)
                    error = summary.SCATTER_ERROR * scatter / np.sqrt(len(pull))
                    cells += [f"{scatter:.3f} +- {error:.3f}", f"{np.median(pull):+.2f}"]
                rows.append([kind, filt, table["n_parts"][0], name, len(pull), *cells])
    heads = [
        "halves",
        "filter",
        "parts of the noise",
        "region",
        "fits",
        "scatter",
        "median",
        "one number",
        "median",
    ]
    return markdown_table(heads, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="scratch folder, some 300 MB a field")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--built", type=int, default=len(SEEDS), help="so many of them with built PSFs too")
    parser.add_argument(
        "--kinds", nargs="*", choices=STEPS, default=list(STEPS), help="fields with a step in depth"
    )
    parser.add_argument("--step-seed", type=int, default=5)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="write the tables into docs/proof.md")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    fields = {str(seed): folder / f"truth_{seed}" for seed in arguments.seeds}
    for name in PSFS:
        for seed, where in list(fields.items())[: None if name == "given" else arguments.built]:
            simulate(where, int(seed))
            chunks = range(N_INJECTIONS // ProofSection.n_per_chunk)
            targets = [f"results/{name}/proof/chunks/c{number:03d}.ecsv" for number in chunks]
            run_workflow(where, f"results/{name}/photometry.ecsv", *targets, cores=arguments.cores)
    texts = {"truth": truth_tables(fields, arguments.built)} if fields else {}
    if arguments.kinds:
        texts["steps"] = step_table(folder, arguments.kinds, arguments.step_seed)
    for name, text in texts.items():
        if arguments.page:
            write_between_marks(REPO / "docs" / "proof.md", name, text)
        else:
            print(text, end="\n\n", flush=True)


if __name__ == "__main__":
    main()
