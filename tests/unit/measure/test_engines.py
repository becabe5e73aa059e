"""Engines of the fits where no Tractor is needed: detection, bounds, columns, comparison."""

import importlib.machinery
import sys
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.columns import describe_column
from clusterphot.base.errors import ConfigError
from clusterphot.base.flags import Flag
from clusterphot.base.products import Noise
from clusterphot.measure import engines
from clusterphot.measure import fit as photometry
from clusterphot.measure.engines import bounded, comparison, install
from clusterphot.measure.engines.psf_engine import PsfEngine
from clusterphot.measure.engines.tractor_engine import first_fluxes
from clusterphot.measure.fit import FitOptions
from gaussian_cutouts import SIZE_PX, WHITE, Field, make_psf, make_wcs, measure, targets

SUFFIX = importlib.machinery.EXTENSION_SUFFIXES[0]
TRACTOR = ("tractor/__init__.py", *(f"tractor/{name}" for name in install.OF_THE_TRACTOR))
COMPILED = f"tractor/{install.COMPILED}{SUFFIX}"
ASTROMETRY = ("astrometry/__init__.py", *(f"astrometry/{name}" for name in install.OF_ASTROMETRY_NET))
PYPI_TRACTOR = ("tractor/__init__.py", "tractor/_actor.py", "tractor/msg.py")
PYPI_ASTROMETRY = ("astrometry/__init__.py", "astrometry/series.py")


# ---- detection -----------------------------------------------------------------------------------------------


def packages(folder, files, *, distribution=None):
    """A folder of packages with these empty files, and the metadata of one distribution."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if distribution:
        name, version = distribution
        (folder / f"{name}-{version}.dist-info").mkdir()
        (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    return [str(folder)]


PROBLEMS = {
    "nothing": ((), None, "no package tractor for ", ""),
    "PyPI's tractor": (
        (*PYPI_TRACTOR, *ASTROMETRY), ("tractor", "0.1.0a5"),
        "another program of the name tractor (version 0.1.0a5)", "tractor",
    ),
    "a folder without __init__.py": (("tractor/constrained_optimizer.py",), None, "no package tractor", ""),
    "no compiled part": ((*TRACTOR, *ASTROMETRY), None, "without its compiled part _mix", "tractor"),
    "no astrometry": ((*TRACTOR, COMPILED), None, "not the package astrometry of Astrometry.net", ""),
    "PyPI's astrometry": (
        (*TRACTOR, COMPILED, *PYPI_ASTROMETRY), ("astrometry", "4.3.0"),
        "a package astrometry (version 4.3.0) without astrometry.util", "astrometry",
    ),
    "what pip makes of Astrometry.net": (
        (*TRACTOR, COMPILED, "astrometry/__init__.py"), None, "without astrometry.util", "astrometry",
    ),
}  # fmt: skip
"""Files, distribution, and what is said of them; the files of PyPI's programs are those of the versions named."""


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_wrong_with_the_installation(tmp_path, name):
    """Each is told apart, with the steps of pip and of conda, and what has to go first."""
    files, distribution, says, remove = PROBLEMS[name]
    path = packages(tmp_path, files, distribution=distribution)
    with pytest.raises(ConfigError, match="photometry.engine: got tractor, but there is ") as caught:
        install.check_tractor("photometry.engine", "tractor", path)
    message = str(caught.value)
    assert says in message
    assert f"tractor @ git+{install.REPOSITORY}@{install.COMMIT}" in message
    assert "PY_BASE_INSTALL_DIR=" in message
    assert "--sdm conda" in message
    assert message.count("uninstall") == (1 if remove else 0)
    assert f"uninstall --yes {remove}\n" in message or not remove


def test_a_whole_installation_passes_without_an_import(tmp_path):
    """Its files are empty and would fail on import; nothing of the kind is loaded."""
    before = set(sys.modules)
    assert install.find_problem(packages(tmp_path, (*TRACTOR, COMPILED, *ASTROMETRY))) is None
    assert not any(name.split(".")[0] in ("tractor", "astrometry") for name in set(sys.modules) - before)


def config_of(engine="psf", compare=(), **field):
    """The part of a configuration that the check reads."""
    return {
        "fields": {"x": field},
        "photometry": {"engine": engine, "compare_engines": list(compare)},
    }


def test_the_engine_is_looked_for_where_it_is_used(tmp_path):
    """Asked for as engine or to be compared, by a field of images; a table of fluxes needs none."""
    nowhere = packages(tmp_path, ())

    def origin(path):
        return "my.yaml"

    engines.check_engines(config_of(sources="s.csv"), origin, nowhere)
    engines.check_engines(config_of("tractor", photometry="p.csv"), origin, nowhere)
    with pytest.raises(ConfigError, match="my.yaml, photometry.engine: got tractor"):
        engines.check_engines(config_of("tractor", sources="s.csv"), origin, nowhere)
    with pytest.raises(ConfigError, match="my.yaml, photometry.compare_engines: got tractor"):
        engines.check_engines(config_of(compare=["psf", "tractor"], sources="s.csv"), origin, nowhere)


@pytest.mark.skipif(install.find_problem() is None, reason="The Tractor is installed here")
def test_a_job_without_the_tractor_says_so():
    field = Field(1, 100.0)
    with pytest.raises(ConfigError, match="got tractor, but there is "):
        measure(field.cutouts(), engine="tractor")


def test_unknown_engine():
    with pytest.raises(ValueError, match="engine is 'sextractor', expected one of psf, tractor"):
        engines.open_engine("sextractor", None)


# ---- bounds, on a recorded case ------------------------------------------------------------------------------

CURVATURE = np.array(
    [
        [1.147099e05, 3.671671e-01, -7.545281e-01, 2.283442e02],
        [3.671671e-01, 3.230876e01, 4.527054e-01, 7.950623e-05],
        [-7.545281e-01, 4.527054e-01, 3.168523e01, -1.169366e-03],
        [2.283442e02, 7.950623e-05, -1.169366e-03, 4.326910e00],
    ]
)
"""Of half the chi-square by sky, x, y and flux, at the listed place of a source of 6 nJy in a simulated F444W field."""
OPTIMUM = np.array([3.890145, 0.248063, -2.787379, 6.188304])
"""Where the unbounded fit of that source ends: y is beyond a bound of 2 px."""


class Position:
    """The parameters x and y as The Tractor has them."""

    def __init__(self, x=0.0, y=0.0):
        self.values, self.frozen = [x, y], set()

    def getAllParams(self):
        return list(self.values)

    def setAllParams(self, values):
        self.values = list(values)

    def isParamFrozen(self, name):
        return name in self.frozen

    def freezeParam(self, name):
        self.frozen.add(name)

    def thawParam(self, name):
        self.frozen.remove(name)


class Quadratic:
    """A fit with a quadratic chi-square, and a loop that ends where a bound is met, as The Tractor's does."""

    def __init__(self, curvature, optimum, start):
        self.curvature, self.optimum = curvature, np.array(optimum)
        self.sky, self.flux = start[0], start[3]
        self.position = Position(*start[1:3])
        self.asked = []

    @property
    def values(self):
        """Sky, x, y, flux."""
        return np.array([self.sky, *self.position.values, self.flux])

    @values.setter
    def values(self, new):
        self.sky, self.position.values, self.flux = new[0], list(new[1:3]), new[3]

    def getLogProb(self):
        away = self.values - self.optimum
        return -0.5 * away @ self.curvature @ away

    def optimize_loop(self, **kwargs):
        assert "variance" not in kwargs, "The Tractor's loop cannot take it"
        self.asked.append(kwargs)
        thawed = [0, *(k + 1 for k, n in enumerate("xy") if not self.position.isParamFrozen(n)), 3]
        slope = self.curvature @ (self.optimum - self.values)
        step = np.zeros(4)
        step[thawed] = np.linalg.solve(self.curvature[np.ix_(thawed, thawed)], slope[thawed])
        length = 1.0
        for k in (0, 1):
            bound = (self.position.uppers if step[k + 1] > 0 else self.position.lowers)[k]
            if step[k + 1] != 0:
                length = min(length, abs(bound - self.position.values[k]) / abs(step[k + 1]))
        self.values = self.values + length * step


def constrained(curvature, optimum, held):
    """The optimum with some values held, by linear algebra: slopes of all others are zero."""
    free = [k for k in range(4) if k not in held]
    found = np.array(optimum)
    for k, value in held.items():
        found[k] = value
    pull = curvature[np.ix_(free, list(held))] @ np.array([found[k] - optimum[k] for k in held])
    found[free] = np.array(optimum)[free] - np.linalg.solve(curvature[np.ix_(free, free)], pull)
    return found


def test_flux_and_sky_are_those_of_the_optimum_on_the_bound():
    """Left alone the loop ends at 72 % of the way, at 4.4 nJy; held at y = -2 the fit has 6.2 nJy."""
    fit = Quadratic(CURVATURE, OPTIMUM, [0.0, 0.0, 0.0, 0.0])
    box = bounded.BoundedPosition(fit.position, [-2.0, -2.0], [2.0, 2.0])
    fit.optimize_loop()
    assert fit.values[3] == pytest.approx(4.44, abs=0.01)
    bounded.optimise(fit, [box])
    np.testing.assert_allclose(fit.values, constrained(CURVATURE, OPTIMUM, {2: -2.0}), rtol=1e-9)
    assert fit.position.frozen == {"y"}
    assert all(kwargs["shared_params"] is False for kwargs in fit.asked[1:])


def test_both_coordinates_can_end_on_their_bounds():
    fit = Quadratic(CURVATURE, OPTIMUM, [0.0, 0.0, 0.0, 0.0])
    bounded.optimise(fit, [bounded.BoundedPosition(fit.position, [-0.1, -1.0], [0.1, 1.0])])
    np.testing.assert_allclose(fit.values, constrained(CURVATURE, OPTIMUM, {1: 0.1, 2: -1.0}), rtol=1e-9)


def test_a_coordinate_leaves_the_bound_it_only_met_on_the_way():
    """x overshoots while y is far away: with a correlation of 0.9 it meets 2, but the optimum has x = 1.45."""
    curvature = np.diag([10.0, 4.0, 4.0, 3.0])
    curvature[1, 2] = curvature[2, 1] = -3.6
    optimum = [1.0, 2.5, 0.5, 5.0]
    fit = Quadratic(curvature, optimum, [0.0, 1.9, -4.0, 1.0])
    box = bounded.BoundedPosition(fit.position, [-2.0, -6.0], [2.0, -0.0])
    bounded.optimise(fit, [box])
    on_y = constrained(curvature, optimum, {2: 0.0})
    assert on_y[1] > 2.0  # so both bounds hold here
    np.testing.assert_allclose(fit.values, constrained(curvature, optimum, {1: 2.0, 2: 0.0}), rtol=1e-9)
    inside = [1.0, 1.2, -1.0, 5.0]
    fit = Quadratic(curvature, inside, [0.0, 2.0, -4.0, 1.0])
    bounded.optimise(fit, [bounded.BoundedPosition(fit.position, [-2.0, -6.0], [2.0, 0.0])])
    np.testing.assert_allclose(fit.values, inside, rtol=1e-9)
    assert not fit.position.frozen


def test_variances_are_asked_for_once_and_zeros_are_none():
    """After the loop; zeros (seen from Ceres) and infinities (no effect) are no variances."""

    class Asked:
        def optimize(self, **kwargs):
            assert kwargs == {"variance": True, "just_variance": True, "shared_params": False}
            return [4.0, 0.0, np.inf, np.nan]

    np.testing.assert_array_equal(bounded.conditional_variances(Asked()), [4.0, np.nan, np.nan, np.nan])


def test_no_flux_begins_at_zero():
    """Where a position has no derivative; the sign is kept, other fluxes are untouched."""
    found = first_fluxes(np.array([0.0, 1e-9, -1e-9, 5.0, -5.0]), np.array([2.0] * 5))
    np.testing.assert_allclose(found, [2e-3, 2e-3, -2e-3, 5.0, -5.0])
    assert first_fluxes(np.zeros(1), np.zeros(1))[0] > 0


# ---- the same table out --------------------------------------------------------------------------------------


class Shifted(PsfEngine):
    """An engine with fluxes and sky of its own: ours plus 10 and 1; and errors of 7."""

    def solve_free(self, block, start, prior):
        return self._moved(block, super().solve_free(block, start, prior))

    def solve_tied(self, block, positions):
        return self._moved(block, super().solve_tied(block, positions))

    def _moved(self, block, found):
        solution, _ = photometry.solve(block.equations(block.images(found.positions))[0])
        c = found.positions.shape[1]
        shift = np.r_[np.full(c, 10.0), np.full(len(block.terms), 0.0)]
        shift[c] = 1.0
        return replace(
            found, values=solution + shift, conditional_err=np.r_[np.nan, np.full(len(solution) - 1, 7.0)]
        )


@pytest.mark.parametrize("position", ["tied", "free"])
def test_values_of_an_engine_reach_their_columns(monkeypatch, position):
    """Fluxes, sky and conditional errors are the engine's, chi2 that of its model, the rest is common."""
    rng = np.random.default_rng(3)
    field = Field(8, 200.0, companion=(9.0, 0.5))
    options = FitOptions(position=position, sky="constant", debias=False, adaptive_window=False)
    field.sky[:, 1:] = 0
    cutouts = field.cutouts(noise=rng.normal(size=(8, SIZE_PX, SIZE_PX)))
    reference = measure(cutouts, options=options)
    ours = targets(measure(cutouts, options=options, reference=reference))
    monkeypatch.setattr(photometry, "open_engine", lambda name, setup: Shifted())
    theirs = targets(measure(cutouts, options=options, reference=reference))
    assert theirs.colnames == ours.colnames
    np.testing.assert_allclose(theirs["flux_F200W"], ours["flux_F200W"] + 10.0, rtol=1e-9)
    np.testing.assert_allclose(theirs["sky_F200W"], ours["sky_F200W"] + 1.0, rtol=1e-9)
    assert np.all(theirs["chi2_F200W"] > ours["chi2_F200W"] + 1000)
    np.testing.assert_array_equal(theirs["flux_err_conditional_F200W"][1:], 7.0)
    assert theirs["flux_err_conditional_F200W"][0] == ours["flux_err_conditional_F200W"][0]
    for name in ("x", "y", "dx", "dy", "flags", "dof"):
        np.testing.assert_array_equal(theirs[f"{name}_F200W"], ours[f"{name}_F200W"])
    for name in ("flux_err", "flux_err_marginal"):  # of a free position they depend a little on the flux
        np.testing.assert_allclose(theirs[f"{name}_F200W"], ours[f"{name}_F200W"], rtol=1e-6)


# ---- comparison ----------------------------------------------------------------------------------------------


def fits_table(flux, x, bound):
    """What `fit_sources` makes of four sources, as far as it is compared."""
    n = len(flux)
    table = Table({"id": [f"s{k}" for k in range(n)], "is_target": np.ones(n, bool)})
    table["flux_F200W"], table["flux_err_F200W"] = flux, np.full(n, 2.0)
    table["x_F200W"], table["y_F200W"] = x, np.zeros(n)
    table["flags_F200W"] = np.where(bound, int(Flag.AT_BOUND), 0)
    table.meta["filter"] = "F200W"
    return table


def test_differences_and_their_summary():
    """100 and 101 with errors of 2 differ by 0.5 sigma and 1 %; fits on a bound and without data do not count."""
    ours = fits_table([100.0, 4.0, 50.0, np.nan], [1.0, 2.0, 3.0, 4.0], [False, False, True, False])
    other = fits_table([101.0, 4.4, 90.0, np.nan], [1.0, 2.06, 5.0, 4.0], [False, False, False, False])
    table = comparison.differences(ours, other, "free", ("psf", "tractor"))
    np.testing.assert_allclose(table["difference_sigma"], [0.5, 0.2, 20.0, np.nan])
    np.testing.assert_allclose(table["difference_percent"], [1.0, 10.0, 80.0, np.nan])
    table.meta = {"filter": "F200W", "times_ms": {"free psf": 0.5, "free tractor": 10.0}}
    (row,) = comparison.summarise(table)
    assert (row["n"], row["n_at_bound"], row["time_ratio"]) == (2, 1, 20.0)
    assert row["bound_disagreement"] == pytest.approx(1 / 3)
    assert row["median_abs_sigma"] == pytest.approx(0.35)
    assert row["p95_abs_sigma"] == pytest.approx(0.2 + 0.95 * 0.3)
    assert row["median_percent"] == pytest.approx(1.0)  # the one with S/N above 5
    assert row["p95_shift_px"] == pytest.approx(0.95 * 0.06)
    for name in [*table.colnames, *row.colnames]:
        assert describe_column(name)[1]


def test_other_sources_are_not_compared():
    ours = fits_table([1.0, 2.0], [0.0, 0.0], [False, False])
    with pytest.raises(ValueError, match="the engines fitted other sources"):
        comparison.differences(ours, ours[::-1], "free", ("psf", "tractor"))


def test_every_mode_and_engine_is_fitted(monkeypatch):
    """Free in the reference filter, tied and free in another; the times are there for each."""
    field = Field(6, 200.0)
    opened = []
    real = photometry.open_engine
    monkeypatch.setattr(
        photometry, "open_engine", lambda name, setup: opened.append(name) or real("psf", setup)
    )
    cutouts = field.cutouts()
    noise = Noise(WHITE, 1.0, "F200W")
    args = (make_psf(), noise, make_wcs(), FitOptions(), ["psf", "tractor"])
    alone = comparison.compare_engines([cutouts], *args)
    assert set(alone["position_mode"]) == {"free"}
    assert len(alone) == 6
    assert set(opened) == {"psf", "tractor"}
    reference = measure(cutouts)
    both = comparison.compare_engines([cutouts], *args, references=[reference])
    assert list(dict.fromkeys(both["position_mode"])) == ["tied", "free"]
    assert set(both.meta["times_ms"]) == {
        f"{mode} {name}" for mode in ("tied", "free") for name in ("psf", "tractor")
    }
    np.testing.assert_array_equal(both["difference_sigma"], 0.0)


def test_engines_take_turns_for_their_times(monkeypatch):
    """Each round has fits of all engines, and the median over the rounds counts: here one round is disturbed."""
    clock, order = [0.0], []
    cost = {"psf": 0.001, "tractor": 0.02}

    def fit(*args, engine, **kwargs):
        order.append(engine)
        slow = 10.0 if len(order) in range(200, 230) else 1.0
        clock[0] += cost[engine] * slow * 4
        return fits_table([1.0, 2.0, 3.0, 4.0], np.zeros(4), np.zeros(4, bool))

    monkeypatch.setattr(comparison, "fit_sources", fit)
    monkeypatch.setattr(comparison.time, "process_time", lambda: clock[0])
    jobs = [(("chunk",), None)]
    targets, times = comparison._fit(jobs, ["psf", "tractor"], (0.0, 0.0))
    assert times == pytest.approx({"psf": 1.0, "tractor": 20.0})
    assert len(targets["psf"]) == 4
    assert order[:4] == ["psf", "psf", "tractor", "tractor"]
    rounds = "".join(name[0] for name in order[4:])
    assert (
        set(rounds.replace("p" * 13 + "t", " ").split()) == set()
    )  # 13 fits of 4 ms fill the span, one of 80 ms does
