"""Figures of the PSF over the field and of the selection of stars: what they say, with and without stars."""

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.base.columns import (
    PSF_BUDGET_COLUMNS,
    PSF_CHECK_COLUMNS,
    PSF_GROWTH_COLUMNS,
    PSF_STACK_COLUMNS,
)
from clusterphot.base.images import radius_grid
from clusterphot.base.products import Psf
from clusterphot.figures import psf as figure_of_psf
from clusterphot.figures import stars as figure_of_stars
from clusterphot.psf.build import PsfResult
from clusterphot.psf.check import GROUPS, PsfCheck
from matplotlib.collections import PathCollection
from matplotlib.quiver import QuiverKey

GAUSS = np.exp(-0.5 * (radius_grid(20) / 1.5) ** 2)
PSF = Psf(GAUSS / GAUSS.sum(), 0.02, "F200W", fwhm_arcsec=0.07, sys_error=0.012)
CURVE = Table({"radius_arcsec": [0.1, 0.2, 0.4], "ee": [0.8, 0.9, 0.99], "ee_reference": [0.7, 0.9, 0.98]})
META = {"FIELD": "f", "FILTER": "F200W", "PIXSCALE": 0.02, "RADIUS": 0.1, "NX": 400, "NY": 200}


def notes(*used):
    return Table({"id": np.arange(len(used)), "used": list(used), "reason": [""] * len(used)})


def make_check(n_stars=0, places=((199.5, 99.5),)):
    """A check of stars in a row, every third too uncertain, the second unlike the others."""
    rows = [
        dict.fromkeys(PSF_CHECK_COLUMNS, 0.02)
        | {"id": k, "role": "core", "used": "", "reason": "unlike" if k == 1 else ""}
        | {"x": 50.0 * k, "y": 20.0 * k, "fwhm": 0.07 + 0.001 * k, "fwhm_model": 0.07, "ee": 0.8}
        | {"fwhm_err": 0.01 if k % 3 == 2 else 1e-4, "e_err": 0.001, "ee_err": 0.001}
        for k in range(n_stars)
    ]
    stars = Table(rows=rows or None, names=None if rows else list(PSF_CHECK_COLUMNS))
    model = Table(np.array(places, dtype=float), names=("x", "y"))
    model["fwhm"], model["e1"], model["e2"], model["ee"] = 0.07 + 1e-5 * model["x"], 0.01, 0.02, 0.8
    groups = Table([list(GROUPS), [n_stars] * 6, [0.01] * 6, [0.02] * 6], names=list(PSF_STACK_COLUMNS))
    budget = Table([["core", "flux scale"], [0.01, 0.012]], names=list(PSF_BUDGET_COLUMNS))
    growth = Table(
        [[0.05, 0.1, 0.2], [0.02, 0.01, 0.0], [0.01] * 3, [n_stars] * 3], names=list(PSF_GROWTH_COLUMNS)
    )
    residuals = np.full((6, 41, 41), 0.004 if n_stars else np.nan)
    return PsfCheck(
        stars,
        model,
        groups,
        residuals,
        growth,
        budget,
        META | ({"XSPLIT": 9.0, "YSPLIT": 9.0} if rows else {}),
    )


GRID = [(25.0 + 50 * i, 25.0 + 50 * j) for j in range(4) for i in range(8) if (i, j) != (0, 0)]


def words_of(figure):
    """All text on a figure, laid out."""
    figure.draw_without_rendering()
    texts = [text for ax in figure.axes for text in (*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label)]
    texts += [key.text for ax in figure.axes for key in ax.artists if isinstance(key, QuiverKey)]
    return " | ".join([figure.get_suptitle(), *(text.get_text() for text in texts)])


def draw(check, curve=CURVE):
    return figure_of_psf.plot_psf(PsfResult(PSF, notes(), curve), check, field="f")


def test_a_psf_that_changes_has_maps():
    """As many cells as places, the corner without exposure empty; no sentence of a constant PSF."""
    figure = draw(make_check(7, GRID))
    words = words_of(figure)
    assert "everywhere" not in words and "70.2 to 73.8 mas over the field; 7 stars" in words
    maps = [ax.images[0].get_array() for ax in figure.axes if ax.get_title() == "" and ax.images][:2]
    assert [image.shape for image in maps] == [(4, 8)] * 2
    assert all(np.isnan(np.ma.filled(image, np.nan)[0, 0]) for image in maps)
    assert np.ma.filled(maps[0], np.nan)[3, 7] == pytest.approx(1e3 * (0.07 + 1e-5 * 375))


def test_a_constant_psf_says_so_and_shows_its_stars():
    figure = draw(make_check(7))
    words = words_of(figure)
    assert words.count("one PSF everywhere, marked in the scale") == 2 and "PSF: 0.022 everywhere" in words
    shown = [part for ax in figure.axes for part in ax.collections if isinstance(part, PathCollection)]
    assert [len(part.get_offsets()) for part in shown] == [
        4,
        6,
    ]  # of seven, two uncertain in FWHM, one unlike the others


def test_without_stars_it_says_that_too():
    words = words_of(draw(make_check(0)))
    assert "one PSF everywhere,\nmarked in the scale" in words and words.count("no star") == 7
    curve = CURVE.copy()
    curve["ee_reference"] = np.nan
    assert "less PSF (%)" in words_of(draw(make_check(0), curve)) and "less reference (%)" in words


def test_stars_stand_beside_the_psf_in_its_light():
    """1 % above it at 0.1 arcsec, where it is 8/7 of the reference, and none nearer in than the reference."""
    figure = draw(make_check(7))
    bars = [part for ax in figure.axes for part in ax.containers if part.get_label() == "stars"]
    x, y = bars[0][0].get_data()
    assert x.tolist() == [0.1, 0.2] and y == pytest.approx([100 * (1.01 * 8 / 7 - 1), 0.0])


def test_residuals_share_one_scale_that_holds_them():
    """Residuals of 0.4 % of the peak on +-1 %, in per cent."""
    figure = draw(make_check(3))
    norms = [ax.images[0].norm for ax in figure.axes if ax.images and ax.images[0].cmap.name == "RdBu_r"]
    assert len(norms) == 6 and {(norm.vmin, norm.vmax) for norm in norms} == {(-1.0, 1.0)}
    assert "rms 1.0 %, chance 2.0" in words_of(figure)


@pytest.mark.parametrize(("value", "below"), [(0.012, 0.01), (0.05, 0.05), (0.049, 0.02), (0.31, 0.2)])
def test_the_key_of_whiskers_is_round(value, below):
    assert figure_of_psf._round_below(value) == pytest.approx(below)


def test_the_selection_is_drawn_once_for_all_filters():
    """Every role and reason in the legend with its number, and what each filter used of the stars."""
    columns = {"id": np.arange(6), "x": np.arange(6.0), "y": np.arange(6.0)}
    stars = Table(columns | {"mag_auto": np.linspace(20, 27, 6), "half_light_radius": [6.0, 2, 2, 2, 9, 2]})
    stars["saturated"] = [True, False, False, False, False, False]
    stars["role"] = ["wing", "wing", "core", "core", "none", "none"]
    stars["reason"] = ["", "", "", "", "galaxy", "faint"]
    stars.meta |= {"filter": "F200W", "pixel_scale_arcsec": 0.02}
    results = [
        PsfResult(PSF, notes(*used), CURVE) for used in (("wing", "wing", "core", ""), ("", "", "core", ""))
    ]
    figure = figure_of_stars.plot_stars(stars, results, field="f")
    words = words_of(figure)
    assert "2 stars for the core of the PSFs, 2 brighter ones" in words
    assert [words.count(text) for text in (" 1/2", " 2/2", " 0/2")] == [2, 1, 1]
    legend = {text.get_text() for part in figure.subfigs for one in part.legends for text in one.get_texts()}
    assert legend == {
        "galaxies (1)",
        "too faint (1)",
        "core of the PSF (2)",
        "wings of the PSF (1)",
        "wings, saturated (1)",
    }
