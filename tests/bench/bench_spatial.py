"""Numbers, profiles and exponents of mock fields against their truth, to the tables of docs/luminosity.md.

PYTHONPATH=workflow/scripts:tests python tests/bench/bench_spatial.py --mocks 400 --page
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

from clusterphot.luminosity import function as lf  # noqa: E402
from clusterphot.luminosity import totals  # noqa: E402
from clusterphot.luminosity.density import Survey, follow_map, make_survey, smoothed  # noqa: E402
from clusterphot.luminosity.ellipse import fit_ellipse, mean_angle  # noqa: E402
from clusterphot.luminosity.importance import weighted_quantiles  # noqa: E402
from clusterphot.luminosity.inputs import draw_completeness, share_found  # noqa: E402
from clusterphot.luminosity.results import make_kernels  # noqa: E402
from marked_page import markdown_table, write_between_marks  # noqa: E402
from spatial_mocks import CELL, CENTRE, MAG_MIN, Truth, density_of, draw_field, searched, survey_of  # noqa: E402

LEVELS = [0.025, 0.1587, 0.8413, 0.975]
RADIUS = 12.0
"""Of the aperture in which clusters are counted, arcsec; the gap in the field runs through it."""

TURNOVER_ERR, LIGHT_ERR = 0.2, 0.1
N_THERE, N_FOLLOW = 500, 178
SMOOTHINGS = (0.5, 1.0, 2.0, 4.0, 8.0)


def inside(values, weight, truth):
    """Whether the 68 and the 95 % interval hold the truth."""
    low95, low, high, high95 = weighted_quantiles(values, weight, LEVELS)
    return [low <= truth <= high, low95 <= truth <= high95]


def one_profile(seed, n, flattening):
    """Intervals of core, slope, flattening and angle of one field."""
    truth = Truth(flattening=flattening)
    survey = survey_of(density_of(truth), n, seed)
    fit = fit_ellipse(survey, CENTRE)
    weight = fit.draws.weight
    out = [*inside(fit.core, weight, truth.core), *inside(fit.slope, weight, truth.slope)]
    out += inside(fit.flattening, weight, truth.flattening)
    mean, error = mean_angle(fit.angle, weight)
    away = abs((mean - truth.angle + 0.5 * np.pi) % np.pi - 0.5 * np.pi)
    turned = (fit.angle - mean + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    low, high = weighted_quantiles(turned, weight, [0.025, 0.975])
    off = (truth.angle - mean + 0.5 * np.pi) % np.pi - 0.5 * np.pi
    return [*out, away <= error, low <= off <= high]


def one_exponent(seed, beta):
    """Interval of the exponent, and whether the map that was followed is the first of three."""
    followed = density_of(Truth(core=3.0, slope=2.0))
    offset = np.roll(followed, int(round(3.0 / CELL)), axis=1)
    round_ = density_of(Truth(core=6.0, slope=2.0, flattening=0.0))
    survey = survey_of(followed**beta, N_FOLLOW, seed)
    good = survey.area > 0
    results = [follow_map(survey, values, good, (0.0, *SMOOTHINGS)) for values in (followed, offset, round_)]
    low, _, high = results[0].exponent
    plain = np.argmax([one.log_evidence for one in results]) == 0
    free = np.argmax([one.log_evidence_smoothed for one in results]) == 0
    # the map that clusters follow, seen too sharp: they follow it smoothed by 2 arcsec
    blurred = survey_of(smoothed(followed, 2.0 / CELL) ** beta, N_FOLLOW, 10_000 + seed)
    smooth = follow_map(blurred, followed, good, (0.0, *SMOOTHINGS))
    low_s, _, high_s = smooth.exponent_smoothed
    return [
        low <= beta <= high,
        plain,
        free,
        low_s <= beta <= high_s,
        smooth.exponent[0] <= beta <= smooth.exponent[2],
    ]


def one_number(seed, n_there):
    """Whether numbers, in the searched area and within a circle, and S_N, are inside their intervals."""
    truth = Truth()
    rng = np.random.default_rng([seed, 9])
    field = draw_field(seed, n_there, truth)
    several = draw_completeness(field.injections, 8, seed)
    kernels = make_kernels(field.sample, field.injections, several)
    out = []
    luminosity = 1e11 * np.exp(LIGHT_ERR * rng.standard_normal())
    table = {
        "x": field.column * 16 + 8,
        "y": field.row * 16 + 8,
        "mag": field.sample.mag,
        "p_cluster": field.sample.p_cluster,
    }
    share = share_found(
        field.injections.completeness, truth.turnover, truth.width, MAG_MIN, field.sample.mag.max() + 0.01
    )
    survey = make_survey(field.maps, CELL, table, np.inf, share)
    profile = fit_ellipse(survey, CENTRE, seed=seed).draws.resampled(totals.N_DRAWS, seed)
    profile = profile[rng.permutation(len(profile))]
    blank = Survey(
        searched() * CELL**2, field.row, field.column, field.sample.p_cluster, np.ones(len(field.row)), CELL
    )
    for width_range, width in (((0.3, 3.0), None), (None, (truth.width + 0.1 * rng.standard_normal(), 0.1))):
        assumed = totals.Assumed(
            "given", "free", (truth.turnover + TURNOVER_ERR * rng.standard_normal(), TURNOVER_ERR), width
        )
        fit = totals.fit_assumed(kernels, assumed, width_range or (0.3, 3.0))
        drawn = lf.draw_functions(fit, totals.N_DRAWS, seed)
        number = lf.draw_numbers(kernels, field.sample, drawn, (np.inf,), seed=seed)[0]
        even = np.ones(len(number))
        out += inside(number, even, field.there_searched.sum())
        cells = totals.make_cells(
            blank, field.maps, CENTRE, several, field.injections, (MAG_MIN - 6, truth.turnover + 6)
        )
        within = totals.draw_within(
            cells, profile, drawn, field.sample.p_cluster, field.own, RADIUS, 0.0, seed=seed
        )
        out += inside(within, even, (field.there < RADIUS).sum())
        row = totals.summarise(
            within,
            0.0,
            totals.GalaxyLight([RADIUS], [0.0], np.array([luminosity]), LIGHT_ERR, [1.0]),
            0,
            seed=seed,
        )
        true = totals.specific_frequency((field.there < RADIUS).sum(), 1e11)
        out += [row["s_n_p16"] <= true <= row["s_n_p84"], np.median(within) / (field.there < RADIUS).sum()]
    return out


def shares(values):
    """Percent of trues, as text."""
    return f"{100 * np.mean(values):.0f}"


def run(function, seeds, jobs, *arguments):
    """Rows of one kind of mock, and the seconds of CPU of one."""
    start = time.process_time() if jobs == 1 else time.time()
    if jobs == 1:
        rows = [function(seed, *arguments) for seed in seeds]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            rows = list(
                pool.map(function, seeds, *([value] * len(seeds) for value in arguments), chunksize=4)
            )
    spent = (time.process_time() if jobs == 1 else time.time()) - start
    return np.array(rows, dtype=float), spent / len(seeds)


def profile_table(n_mocks, jobs, seed):
    """Table of profiles."""
    rows = []
    for n, flattening in ((178, 0.3), (178, 0.5), (600, 0.3)):
        got, spent = run(one_profile, range(seed, seed + n_mocks), jobs, n, flattening)
        pairs = [f"{shares(got[:, 2 * k])}, {shares(got[:, 2 * k + 1])}" for k in range(4)]
        rows.append([n, f"{flattening:g}", n_mocks, *pairs, f"{spent:.1f}"])
        print(rows[-1], flush=True)
    head = ["clusters", "flattening", "mocks", "core", "slope", "flattening", "angle", "s each"]
    return markdown_table(head, rows)


def exponent_table(n_mocks, jobs, seed):
    """Table of exponents and ranks."""
    rows = []
    for beta in (0.5, 1.0, 1.5):
        got, spent = run(one_exponent, range(seed, seed + n_mocks), jobs, beta)
        rows.append([f"{beta:g}", n_mocks, *(shares(got[:, k]) for k in range(5)), f"{spent:.1f}"])
        print(rows[-1], flush=True)
    head = ["exponent", "mocks", "68 % hold it", "followed map first", "first, smoothing free"]
    head += ["smoothed map: 68 % hold it, smoothing free", "same, without smoothing", "s each"]
    return markdown_table(head, rows)


def number_table(n_mocks, jobs, seed):
    """Table of numbers."""
    rows = []
    for n_there in (N_THERE, 2000):
        got, spent = run(one_number, range(seed, seed + n_mocks), jobs, n_there)
        for k, kind in enumerate(("free", "by galaxy")):
            part = got[:, 6 * k : 6 * k + 6]
            pairs = [f"{shares(part[:, 2 * j])}, {shares(part[:, 2 * j + 1])}" for j in range(2)]
            rows.append(
                [
                    n_there,
                    kind,
                    n_mocks,
                    *pairs,
                    shares(part[:, 4]),
                    f"{np.median(part[:, 5]):.2f}",
                    f"{spent:.1f}",
                ]
            )
            print(rows[-1], flush=True)
    head = [
        "clusters there",
        "width",
        "mocks",
        "searched area",
        "within 12 arcsec",
        "S_N (68 %)",
        "number over truth",
        "s each",
    ]
    return markdown_table(head, rows)


TABLES = {"numbers": number_table, "profiles": profile_table, "exponents": exponent_table}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocks", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=4000)
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--page", action="store_true", help="write the tables to docs/luminosity.md")
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else TABLES:
        text = TABLES[name](arguments.mocks, arguments.jobs, arguments.seed)
        if arguments.page:
            command = f"make bench-spatial ARGS='--only {name} --mocks {arguments.mocks}'"
            text += f"\n\nSeeds from {arguments.seed} on; `{command}`."
            write_between_marks(REPO / "docs" / "luminosity.md", name, text)


if __name__ == "__main__":
    main()
