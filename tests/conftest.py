"""Fixtures shared by the tests: folders, models of the shipped field, a stand-in for Snakemake's object."""

import types
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[1]
SIX = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}
REDSHIFT = 0.39


TOGETHER = (
    ("test_end_to_end.py", "test_rebuild.py", "test_report_photometry.py"),
    ("test_images_run.py", "test_report.py"),
)
"""Files whose tests share a run of the whole workflow (`completed`, `imaged`): one process runs them."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With ``--dist loadfile``, files that share a run stay together.

    Groups by marks (``--dist loadgroup``) are not noticed by pytest-xdist 3.8 with pytest 9.2.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.split("::")[0]
            return next((files[0] for files in TOGETHER if path.rsplit("/")[-1] in files), path)

    return Scheduling(config, log)


class Names(dict):
    """Named items of a rule: read as attributes, by key, and through ``get``, like Snakemake's."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.fixture(scope="session")
def repo():
    """Root of the repository."""
    return REPO


@pytest.fixture(scope="session")
def job():
    """Function that makes what a driver's ``main`` takes: ``job(input={...}, output={...}, ...)``."""

    def make(**sections):
        names = ("input", "output", "params", "wildcards")
        return types.SimpleNamespace(**{name: Names(sections.get(name, {})) for name in names})

    return make


@pytest.fixture(scope="session")
def plot():
    """Function that draws a figure by its driver: ``plot("masses", input={...}, output={...}, params={...}, ...)``.

    Of ``params`` and ``wildcards`` it gets those that it takes, as from its rule.
    """
    import importlib
    import inspect

    import plot_figure

    def draw(name, *, input, output, params=None, wildcards=None):
        module = importlib.import_module(f"clusterphot.figures.{name}")
        taken = inspect.signature(module.draw).parameters
        given = {"wildcards": wildcards or {}, "params": params or {}}
        parts = {
            key: Names({word: value for word, value in values.items() if word in taken})
            for key, values in given.items()
        }
        parts["params"]["dpi"] = 50
        smk = types.SimpleNamespace(rule=f"plot_{name}", input=Names(input), output=Names(output), **parts)
        plot_figure.main(smk)

    return draw


@pytest.fixture(scope="session")
def drawn_field(tmp_path_factory):
    """The simulated two-band field of `image_field`, not to be changed: mosaics, sources.csv, my.yaml."""
    from image_field import draw_field

    return draw_field(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def embedded_grid():
    """The shipped grid of stellar populations, all ages and metallicities."""
    from clusterphot.ssp.grid import read_embedded_grid

    return read_embedded_grid(REPO / "resources" / "ssp" / "bc03_miles_kroupa.h5")


@pytest.fixture(scope="session")
def projected_grid(embedded_grid):
    """The models of Faisst et al. (2022): 0.5-11 Gyr by 0.5, six metallicities, six filters, z = 0.39."""
    from clusterphot.base.cosmology import flat_lambda_cdm
    from clusterphot.ssp.grid import project_grid, resample_ages, select_metallicities

    grid = select_metallicities(embedded_grid, [0.005, 0.02, 0.2, 0.4, 1.0, 2.5])
    grid = resample_ages(grid, np.arange(1, 23) * 0.5)
    return project_grid(grid, SIX, REDSHIFT, flat_lambda_cdm(**COSMOLOGY))


@pytest.fixture(scope="session")
def published():
    """Table 1 of Faisst et al. (2022): ids, fluxes and errors (n, 6) in nJy, carried columns as text."""
    from clusterphot.base.user_tables import read_photometry

    ids, filters, flux, err, carried = read_photometry(
        str(REPO / "resources" / "faisst2022" / "table1.csv"), "test"
    )
    assert tuple(filters) == SIX
    return ids, flux, err, carried


@pytest.fixture(scope="session")
def published_stack():
    """Table 2 of Faisst et al. (2022): fluxes and errors (1, 6) of the stack in nJy."""
    from clusterphot.base.user_tables import read_photometry

    _, filters, flux, err, _ = read_photometry(str(REPO / "resources" / "faisst2022" / "table2.csv"), "test")
    assert tuple(filters) == SIX
    return flux, err


@pytest.fixture(scope="session")
def four_color_paths():
    """GALAXEV `.4color` files of 2003 (Padova 1994, Chabrier), which may not be shipped; else a skip."""
    paths = sorted((REPO.parent / "shared" / "galaxev").glob("*.4color"))
    if not paths:
        pytest.skip("no GALAXEV .4color files in ../shared/galaxev; they are not part of the repository")
    return [str(path) for path in paths]
