"""Do the intervals of a population hold the truth? Mock fields of star clusters, fitted like real ones.

    PYTHONPATH=workflow/scripts:tests/bench python tests/bench/bench_population.py --mocks 400 --lines one_burst

Each line is a kind of mock and how it is fitted; results go to a JSON file a line, one entry a mock, so that a run can
be stopped and gone on with. ``--report`` prints the table of docs/population.md from the files.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from clusterphot.population.histories import HISTORIES, Nodes
from clusterphot.population.results import (
    STEP_LOG_AGE_DEX,
    STEP_LOG_METALLICITY_DEX,
    fit_models,
    is_called,
)
from clusterphot.population.selection import WIDTH_DEX, Selection
from clusterphot.sed.posterior_model import Nuisance, Priors, make_model
from clusterphot.ssp.refine import refine_grid
from population_mocks import FLUX_LIMIT_NJY, REFERENCE, SIX, Truth, draw_from_model, draw_mock, shared_modes

REPO = Path(__file__).resolve().parents[2]
AGES_GYR, METALLICITIES_ZSUN = (0.5, 9.27), (0.005, 2.5)
PROBABILITIES = (0.025, 0.16, 0.5, 0.84, 0.975)


@dataclass(frozen=True)
class Line:
    """A line of the bench: the truth (None: drawn for each mock), what is fitted, and with which errors.

    With ``from_model`` data are drawn from the first model itself.
    """

    truth: Truth | None
    models: tuple
    modes_known: bool = True
    selection: bool = False
    from_model: bool = False


def drawn_truth(rng):
    """A burst anywhere within the priors: coverage is that of an interval over the truths it was made for."""
    return Truth(
        bursts=((1.0, 10 ** rng.uniform(np.log10(0.7), np.log10(8.0)), 10 ** rng.uniform(-1.3, -0.5)),),
        metallicity_zsun=10 ** rng.uniform(-1.7, 0.2),
        metallicity_dex=10 ** rng.uniform(-0.7, -0.2),
    )


ONE, YOUNG_AND_OLD = Truth(), Truth(bursts=((0.7, 1.0, 0.08), (0.3, 8.0, 0.04)))
LINES = {
    "one_burst": Line(None, ("burst",)),
    "calibration": Line(None, ("burst",), from_model=True),
    "one_burst_modes_left_out": Line(None, ("burst",), modes_known=False),
    "one_or_two": Line(None, ("burst", "two_bursts")),
    "burst_of_2_gyr": Line(ONE, ("burst",)),
    "two_bursts": Line(YOUNG_AND_OLD, ("burst", "two_bursts")),
    "continuous": Line(Truth(continuous=(0.6, 8.0)), ("continuous", "burst")),
    "wide_burst_selected": Line(Truth(bursts=((1.0, 2.5, 0.25),)), ("burst",), selection=True),
    "free": Line(ONE, ("free",)),
}


def grids():
    """Fine models that mocks are drawn from, and those of a population."""
    from clusterphot.base.cosmology import flat_lambda_cdm
    from clusterphot.ssp.grid import project_grid, read_embedded_grid, resample_ages

    library = read_embedded_grid(REPO / "resources" / "ssp" / "bc03_miles_kroupa.h5")
    ages = library.age_gyr
    library = resample_ages(library, ages[(ages > 0.4) & (ages < 11.2)])
    projected = project_grid(library, SIX, 0.39, flat_lambda_cdm(70.0, 0.3))
    made = []
    for steps in ((0.03, 0.05), (STEP_LOG_AGE_DEX, STEP_LOG_METALLICITY_DEX)):
        fine = refine_grid(
            projected,
            age_range_gyr=AGES_GYR,
            metallicity_range_zsun=METALLICITIES_ZSUN,
            step_log_age_dex=steps[0],
            step_log_metallicity_dex=steps[1],
        )
        made.append(make_model(fine, Priors(), Nuisance()))
    return made


def run_mock(line, seed, fine, coarse, *, n, n_draws):
    """One mock: quantiles and truth of each parameter, scores, time."""
    modes = shared_modes()
    rng = np.random.default_rng(seed)
    if line.from_model:
        history = HISTORIES[line.models[0]](Nodes.of_model(coarse))
        sample, truths = draw_from_model(rng, history, modes, n=n)
    else:
        truth = line.truth or drawn_truth(rng)
        sample, true = draw_mock(rng, fine, truth, modes, n=n)
        truths = true_values(line, truth, true)
    used = modes if line.modes_known else modes.take([])
    selection = (
        Selection(REFERENCE, FLUX_LIMIT_NJY, WIDTH_DEX, Nodes.of_model(coarse)) if line.selection else None
    )
    start = time.process_time()
    fits = fit_models(sample, coarse, used, line.models, n_draws=n_draws, seed=seed, selection=selection)
    seconds = time.process_time() - start
    entry = {"seed": seed, "cpu_s": round(seconds, 2), "models": {}}
    for name, fit in fits.items():
        entry["models"][name] = {
            "r_hat": round(fit.draws.r_hat, 3),
            "mode_shares": [round(float(share), 2) for share in fit.draws.mode_shares],
            "score": round(fit.score.total, 2),
            "values": {
                key: [float(f"{q:.5g}") for q in np.quantile(fit.values[key], PROBABILITIES)] + [truths[key]]
                for key in truths
                if key in fit.values
            },
        }
    if {"burst", "two_bursts"} <= fits.keys():
        gain, error = fits["two_bursts"].score.above(fits["burst"].score)
        entry["two_over_one"] = [round(gain, 2), round(error, 2)]
    return entry


def true_values(line, truth, true):
    """What the intervals should hold: of the clusters listed, or of all where the selection is undone."""
    if line.selection:
        _, age, width = truth.bursts[0]
        return {"median_age_gyr": age, "burst_width_dex": width, "mass_slope": -2.0}
    age = np.log10(true["age_gyr"])
    z = np.log10(true["metallicity_zsun"])
    values = {
        "median_age_gyr": float(10 ** np.median(age)),
        "age_spread_dex": float(np.diff(np.quantile(age, (0.16, 0.84)))[0] / 2),
        "median_metallicity_zsun": float(10 ** np.median(z)),
        "metallicity_spread_dex": float(np.diff(np.quantile(z, (0.16, 0.84)))[0] / 2),
        "median_log_mass": float(np.median(true["log_mass"])),
        "error_scale": 1.0,
    }
    if len(truth.bursts) == 2:
        values["old_fraction"] = float(np.mean(true["age_gyr"] > 3.0))
        values["young_age_gyr"], values["old_age_gyr"] = (burst[1] for burst in truth.bursts)
    return values


def report(folder):
    """Coverage of each line and parameter."""
    for path in sorted(folder.glob("*.json")):
        entries = json.loads(path.read_text(encoding="utf-8"))
        seeds = [entry["seed"] for entry in entries]
        cpu = np.median([entry["cpu_s"] for entry in entries])
        print(f"{path.stem}: {len(entries)} mocks, seeds {min(seeds)}-{max(seeds)}, {cpu:.1f} CPU s a mock")
        for model in entries[0]["models"]:
            for name in entries[0]["models"][model]["values"]:
                values = np.array([entry["models"][model]["values"][name] for entry in entries])
                truth = values[:, 5]
                inside = [
                    np.mean((values[:, a] < truth) & (truth < values[:, b])) for a, b in ((1, 3), (0, 4))
                ]
                pull = (values[:, 2] - truth) / (0.5 * (values[:, 3] - values[:, 1]))
                words = f"68 % in {100 * inside[0]:.0f} %, 95 % in {100 * inside[1]:.0f} %"
                print(f"  {model:11s} {name:24s} {words}, pull {pull.mean():+.2f} +- {pull.std():.2f}")
        if "two_over_one" in entries[0]:
            called = sum(is_called(*entry["two_over_one"]) for entry in entries)
            print(f"  two bursts called in {called} of {len(entries)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--mocks", type=int, default=400, help="mocks a line")
    parser.add_argument("--lines", nargs="*", default=list(LINES), choices=list(LINES))
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--clusters", type=int, default=178)
    parser.add_argument("--draws", type=int, default=240)
    parser.add_argument("--folder", type=Path, default=Path("bench-population"))
    parser.add_argument("--report", action="store_true", help="only print what the files hold")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.report:
        fine, coarse = grids()
        for seed in range(options.first_seed, options.first_seed + options.mocks):
            for name in options.lines:
                path = options.folder / f"{name}.json"
                entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
                if any(entry["seed"] == seed for entry in entries):
                    continue
                sizes = {"n": options.clusters, "n_draws": options.draws}
                entries.append(run_mock(LINES[name], seed, fine, coarse, **sizes))
                path.write_text(json.dumps(entries, indent=0), encoding="utf-8")
    report(options.folder)


if __name__ == "__main__":
    main()
