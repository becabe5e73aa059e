"""Speed of rest-frame magnitudes and K-corrections on one core, once the posteriors are there."""

import time

import numpy as np
from clusterphot.base.cosmology import flat_lambda_cdm
from clusterphot.sed import posterior as po
from clusterphot.sed import posterior_model as pm
from clusterphot.sed.chi2 import prepare_photometry
from clusterphot.sed.rest_frame import make_rest_frame, rest_frame_columns
from clusterphot.sed.shared_modes import zero_point_modes
from clusterphot.ssp.grid import nodes_around, project_grid
from clusterphot.ssp.refine import refine_grid

SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
N_SOURCES = 1000
MAX_SECONDS = 1.0


def test_rest_frame(benchmark, embedded_grid, published):
    """CPU seconds for B, V, I and the V luminosity of a thousand sources; the posteriors take another 0.6."""
    _, flux, err, _ = published
    rows = np.random.default_rng(1).integers(0, len(flux), N_SOURCES)
    cosmology = flat_lambda_cdm(70.0, 0.3)
    ranges = {"age_range_gyr": (0.5, 11.0), "metallicity_range_zsun": (0.005, 2.5)}
    library = nodes_around(embedded_grid, **ranges)
    fine = refine_grid(project_grid(library, SIX, 0.39, cosmology), age_range_gyr=(0.5, 9.27))
    model = pm.make_model(fine, pm.Priors(), pm.Nuisance(zero_point_modes(fine.filters, 0.02)))
    at_rest = project_grid(library, ("bessell_B", "bessell_V", "bessell_I"), 0.0, cosmology)
    posterior = po.posteriors(prepare_photometry(flux[rows], err[rows]), model)
    times = []

    def timed():
        start = time.process_time()
        rest_frame_columns(posterior, model.priors, make_rest_frame(model, fine, at_rest))
        times.append(time.process_time() - start)

    benchmark.pedantic(timed, rounds=3)
    seconds = float(np.median(times))
    benchmark.extra_info |= {"cpu_s_per_1000_sources": seconds}
    print(f"\nrest frame: {seconds:.2f} CPU s per {N_SOURCES} sources, three filters and the V luminosity")
    assert seconds <= MAX_SECONDS
