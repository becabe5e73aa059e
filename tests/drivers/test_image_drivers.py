"""Drivers from mosaics to photometry, stacks and their figures, in one process; chunks and order change nothing."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import build_psf
import check_psf
import choose_donors
import compare_engines
import cut_sources
import deredden_photometry
import draw_residual
import fit_sources
import join_engines
import join_filters
import join_stacks
import measure_injections
import measure_noise
import measure_offset
import merge_photometry
import numpy as np
import prepare_mosaic
import pytest
import select_stars
import stack_sources
import stack_stars
from astropy.io import fits
from astropy.table import Table
from clusterphot.base.flags import Flag
from clusterphot.base.products import read_mosaic, read_psf, read_wcs
from clusterphot.base.tables import read_table, write_table
from clusterphot.config.fields import PHASE_KEYS
from clusterphot.measure.fit import FitOptions
from clusterphot.proof.bands import Manner, measure, read_bands
from clusterphot.proof.recovery import robust_scatter
from clusterphot.psf.check import read_psf_check
from clusterphot.run import fields
from clusterphot.run.configuration import load_yaml
from drizzled_stars import Dithers
from image_field import FILTERS, OUTSIDE, tan_header, write_rows, write_sparse

REFERENCE = "F200W"
CONFIG = load_yaml(Path(__file__).resolve().parents[2] / "config" / "config.yaml")
PHOTOMETRY = {key: value for key, value in CONFIG["photometry"].items() if key != "compare_engines"}
COSMOLOGY = {"h0": 70.0, "omega_m": 0.3}


@pytest.fixture(scope="module")
def measured(drawn_field, job, tmp_path_factory, repo):
    """Folder with mosaics, stars, PSFs, noise and offset of the field."""
    folder = tmp_path_factory.mktemp("measured")
    for filt in FILTERS:
        given = {
            kind: next(drawn_field.folder.glob(f"{filt.lower()}_{kind}.fits*")) for kind in ("sci", "wht")
        }
        prepare_mosaic.main(
            job(
                input={kind: str(path) for kind, path in given.items()},
                output={"mosaic": f"{folder}/{filt}.fits"},
                params={"zero_point_factor": 1.0, "gain_e_per_njy": None},
                wildcards={"field": "mine", "filter": filt},
            )
        )
    stars = f"{folder}/stars.ecsv"
    names = ("mag_min", "mag_max", "mag_bright", "half_light_radius_max_px", "isolation_arcsec")
    select_stars.main(
        job(
            input={"mosaic": f"{folder}/{REFERENCE}.fits"},
            output={"stars": stars},
            params={name: CONFIG["psf"][name] for name in names} | {"required": True},
            wildcards={"field": "mine"},
        )
    )
    for filt in FILTERS:
        of_filter = {"field": "mine", "filter": filt}
        mosaic = f"{folder}/{filt}.fits"
        table = str(repo / "resources" / "psf" / "encircled_energy.csv")
        noise = f"{folder}/{filt}_noise.fits"
        measure_noise.main(job(input={"mosaic": mosaic}, output={"noise": noise}, wildcards=of_filter))
        inputs = {"mosaic": mosaic, "noise": noise, "stars": stars, "encircled_energy": table}
        if filt == "F150W":
            own = {"psf": str(drawn_field.folder / "f150w_psf.fits")}
        else:
            own = {"star_psfs": [f"{folder}/{filt}_star_psf.fits"]}
            stack_stars.main(
                job(
                    input=inputs,
                    output={"star_psf": own["star_psfs"][0]},
                    params={name: CONFIG["psf"][name] for name in ("size_arcsec", "beyond_stamp")}
                    | {"native_pixel_arcsec": None, "pixfrac": None},
                    wildcards=of_filter,
                )
            )
        build_psf.main(
            job(
                input=inputs | own,
                output={"psf": f"{folder}/{filt}_psf.fits", "psf_grid": f"{folder}/{filt}_psf_grid.fits"},
                params={"psf_encircled_energy": None, "psf_error": None} | dict.fromkeys(PHASE_KEYS),
                wildcards=of_filter,
            )
        )
        inputs = {kind: f"{folder}/{filt}_{kind}.fits" for kind in ("noise", "psf", "psf_grid")}
        inputs |= {"mosaic": mosaic, "stars": stars}
        output = {"check": f"{folder}/{filt}_psf_check.fits"}
        check_psf.main(job(input=inputs, output=output, wildcards=of_filter))
    measure_offset.main(
        job(
            input={
                "mosaic": f"{folder}/F150W.fits",
                "noise": f"{folder}/F150W_noise.fits",
                "psf": f"{folder}/F150W_psf.fits",
                "psf_grid": f"{folder}/F150W_psf_grid.fits",
                "reference_mosaic": f"{folder}/{REFERENCE}.fits",
                "reference_noise": f"{folder}/{REFERENCE}_noise.fits",
                "reference_psf": f"{folder}/{REFERENCE}_psf.fits",
                "reference_psf_grid": f"{folder}/{REFERENCE}_psf_grid.fits",
                "stars": stars,
            },
            output={"offset": f"{folder}/F150W_offset.ecsv"},
            wildcards={"field": "mine", "filter": "F150W"},
        )
    )
    return folder


def test_psfs_are_held_against_the_stars(measured):
    """One that stars made, and the user's own: the same stars, and residuals of the first in its noise."""
    made, own = (read_psf_check(f"{measured}/{filt}_psf_check.fits") for filt in ("F200W", "F150W"))
    assert made.constant and own.constant and 5 < len(made.stars) < len(own.stars) + 5
    assert any("core" in used for used in made.stars["used"]) and set(own.stars["used"]) == {""}
    ratio = np.asarray(made.stars["fwhm"] / made.stars["fwhm_model"])
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02)
    whole = made.groups[made.groups["n"] >= 5]
    assert len(whole) and np.all(whole["rms"] < 3 * whole["chance"])
    assert own.budget["part"].tolist()[0] == "flux scale, as given"


def load_field(folder, rows, n_chunks):
    """The field as the rules see it, with these sources."""
    write_rows(folder / "sources.csv", rows)
    mosaics = {filt: {"sci": "unused", "wht": "unused"} for filt in FILTERS}
    entry = {"sources": str(folder / "sources.csv"), "mosaics": mosaics, "reference_filter": REFERENCE}
    entry |= {"redshift": 0.39, "ebv": 0.18}
    config = CONFIG | {"fields": {"mine": entry}, "batching": {"n_chunks": n_chunks}}
    return fields.load(config, repo=None, user_files=[], check=False)["mine"]


def photometry_of(measured, job, folder, rows, n_chunks, n_measured=None):
    """The merged photometry, through the drivers chunk by chunk; of the first chunks only, if a number is given."""
    field = load_field(folder, rows, n_chunks)
    joined, measured_chunks = [], list(field.chunks)[:n_measured]
    ids = [name for name in field.ids if any(name in field.chunks[chunk] for chunk in measured_chunks)]
    for number, chunk in enumerate(measured_chunks):
        fitted = {}
        for filt in (REFERENCE, "F150W"):
            of_chunk = {"field": "mine", "filter": filt, "chunk": chunk}
            mosaic, cutouts = f"{measured}/{filt}.fits", f"{folder}/{filt}_{number}.fits"
            cut_sources.main(
                job(
                    input={"mosaic": mosaic},
                    output={"cutouts": cutouts},
                    params=PHOTOMETRY | {"sources": fields.chunk_members(field, chunk, PHOTOMETRY)},
                    wildcards=of_chunk,
                )
            )
            inputs = {"cutouts": cutouts, "mosaic": mosaic}
            inputs |= {kind: f"{measured}/{filt}_{kind}.fits" for kind in ("psf", "psf_grid", "noise")}
            if filt != REFERENCE:
                inputs |= {"reference": fitted[REFERENCE], "offset": f"{measured}/{filt}_offset.ecsv"}
            fitted[filt] = f"{folder}/{filt}_{number}.ecsv"
            fit_sources.main(
                job(input=inputs, output={"fits": fitted[filt]}, params=PHOTOMETRY, wildcards=of_chunk)
            )
        joined.append(f"{folder}/joined_{number}.ecsv")
        join_filters.main(
            job(
                input={"fits": [fitted[filt] for filt in FILTERS], "sources": field.source_list},
                output={"photometry": joined[-1]},
                params={"ids": field.chunks[chunk], "zero_point_errors": dict.fromkeys(FILTERS, 0.02)},
                wildcards={"field": "mine", "chunk": chunk},
            )
        )
    output = {"photometry": f"{folder}/photometry.ecsv", "fits": f"{folder}/photometry.fits"}
    merge_photometry.main(
        job(input={"chunks": joined}, output=output, params={"ids": ids}, wildcards={"field": "mine"})
    )
    return read_table(output["photometry"])


@pytest.fixture(scope="module")
def at_once(measured, drawn_field, job, tmp_path_factory):
    """Folder of the photometry of all sources in one chunk, and its table."""
    folder = tmp_path_factory.mktemp("at_once")
    return folder, photometry_of(measured, job, folder, drawn_field.rows, 1)


def test_a_table_of_exposures_gives_each_source_its_own_error_by_phase(measured, job, at_once, tmp_path):
    """Two exposures by whole pixels on one half of the field, one more on the other; without the table nine assumed."""
    folder, table = at_once
    psf, wcs = read_psf(f"{measured}/{REFERENCE}_psf.fits"), read_wcs(f"{measured}/{REFERENCE}.fits")
    measured_flux = np.abs(values(table[f"flux_{REFERENCE}"]))
    shares = values(table[f"flux_err_phase_{REFERENCE}"]) / measured_flux
    np.testing.assert_allclose(shares[np.isfinite(shares)], psf.phase_error, rtol=1e-6)
    camera = SimpleNamespace(angle=0.0, scale=0.02, native=0.031)
    exposures = Dithers(camera, np.array([[50.0, 50.0], [57.0, 61.0], [-400.0, 50.5]]))
    exposures.wcs_table(wcs, (2048, 2048)).write(tmp_path / "f200w_wcs.csv")
    inputs = {"cutouts": f"{folder}/{REFERENCE}_0.fits", "mosaic": f"{measured}/{REFERENCE}.fits"}
    inputs |= {kind: f"{measured}/{REFERENCE}_{kind}.fits" for kind in ("psf", "psf_grid", "noise")}
    fits_of = {"fits": f"{tmp_path}/fits.ecsv"}
    of_chunk = {"field": "mine", "filter": REFERENCE, "chunk": "c000"}
    inputs["exposures"] = str(tmp_path / "f200w_wcs.csv")
    fit_sources.main(job(input=inputs, output=fits_of, params=PHOTOMETRY, wildcards=of_chunk))
    own = read_table(fits_of["fits"])
    own = own[own["is_target"] & np.isfinite(own[f"flux_{REFERENCE}"])]
    shares = own[f"flux_err_phase_{REFERENCE}"] / np.abs(own[f"flux_{REFERENCE}"])
    right = own[f"x_{REFERENCE}"] * camera.scale / camera.native > 400
    assert 0 < right.sum() < len(own)
    for half in (right, ~right):
        np.testing.assert_allclose(shares[half], shares[half][0], rtol=1e-3)
    assert shares[right][0] < shares[~right][0]
    assert np.all(own[f"flux_err_{REFERENCE}"] > own[f"flux_err_phase_{REFERENCE}"])


def test_no_source_is_left_in_the_residual(measured, job, at_once, tmp_path):
    """Nor a hole: the mean of what is in the cores of all sources, above the sky around them."""
    folder, table = at_once
    for filt in FILTERS:
        inputs = {"mosaic": f"{measured}/{filt}.fits", "fits": [f"{folder}/{filt}_0.ecsv"]}
        inputs |= {kind: f"{measured}/{filt}_{kind}.fits" for kind in ("psf", "psf_grid")}
        output = {name: f"{tmp_path}/{filt}_{name}.fits" for name in ("model", "residual")}
        where = {"field": "mine", "filter": filt}
        draw_residual.main(job(input=inputs, output=output, params={"code": "0"}, wildcards=where))
        left, drawn = (fits.getdata(output[name]) for name in ("residual", "model"))
        found = np.isfinite(values(table[f"flux_{filt}"])) & (table["flags"] == 0)
        assert fits.getheader(output["model"])["NSOURCES"] >= found.sum() > 5
        places = [np.rint(values(table[f"{axis}_{filt}"][found])).astype(int) for axis in "xy"]
        mosaic = read_mosaic(inputs["mosaic"])
        usable = mosaic.ivar > 0
        np.testing.assert_array_equal(np.isfinite(left), usable)
        np.testing.assert_allclose((left + drawn)[usable], mosaic.sci[usable], rtol=1e-5, atol=1e-5)
        before, after = (
            np.mean([core_above_sky(image, *at) for at in zip(*places, strict=True)])
            for image in (mosaic.sci, left)
        )
        assert abs(after) < 0.03 * before


def test_what_is_put_in_is_measured_as_the_list_is(measured, drawn_field, at_once):
    """The functions of the proof, given the list itself: all that the drivers find, to the last bit, but the phase."""
    field = load_field(at_once[0], drawn_field.rows, 1)
    of = {
        kind: [f"{measured}/{filt}{kind}.fits" for filt in FILTERS]
        for kind in ("", "_psf", "_psf_grid", "_noise")
    }
    bands = read_bands(*of.values(), [f"{measured}/F150W_offset.ecsv"], REFERENCE)
    manner = Manner(FitOptions(), PHOTOMETRY["cutout_size_arcsec"], "psf")
    fitted = measure(bands, fields.chunk_members(field, "c000", PHOTOMETRY), manner)
    for table in fitted:
        filt = table.meta["filter"]
        expected = read_table(f"{at_once[0]}/{filt}_0.ecsv")
        for name in (
            name for name in table.colnames if not name.startswith(("flux_err_F", "flux_err_phase", "flags"))
        ):
            np.testing.assert_array_equal(values(table[name]), values(expected[name]), err_msg=name)


def test_artificial_clusters_in_a_users_mosaics(measured, job, at_once, tmp_path):
    """Three drivers: 40 of each kind, of which nearly all have no flag; pulls scatter by 1 to 0.3 (0.18 each)."""
    where = {"field": "mine"}
    write_table(
        tmp_path / "extinction.ecsv", Table({"filter": list(FILTERS), "extinction_mag": [0.1, 0.05]}), meta={}
    )
    donors, of = f"{tmp_path}/donors.ecsv", {"filters": list(FILTERS), "reference_filter": REFERENCE}
    chunks = [f"{at_once[0]}/joined_0.ecsv"]
    choose_donors.main(job(input={"chunks": chunks}, output={"donors": donors}, params=of, wildcards=where))
    kinds = {"mosaics": "", "psfs": "_psf", "psf_grids": "_psf_grid", "noises": "_noise"}
    inputs = {name: [f"{measured}/{filt}{kind}.fits" for filt in FILTERS] for name, kind in kinds.items()}
    inputs |= {
        "donors": donors,
        "extinction": f"{tmp_path}/extinction.ecsv",
        "offsets": [f"{measured}/F150W_offset.ecsv"],
    }
    keys = {name: CONFIG["proof"][name] for name in ("seed", "reach_arcsec", "clearance_arcsec", "sizes_pc")}
    output = {name: f"{tmp_path}/{name}.ecsv" for name in ("outcome", "photometry")}
    measure_injections.main(
        job(
            input=inputs,
            output=output,
            params=PHOTOMETRY | keys | of | {"injected": [0, 40], "blank": [0, 40]},
            wildcards=where | {"chunk": "c000"},
        )
    )
    outcome, corrected = (read_table(output[name]) for name in ("outcome", "photometry"))
    assert list(corrected["id"]) == list(outcome["id"][:40]) == [f"injected-{k:06d}" for k in range(40)]
    for kind in ("injected", "blank"):
        some = outcome[outcome["kind"] == kind]
        for filt in FILTERS:
            pull = values(some[f"pull_{filt}"])[some[f"flags_{filt}"] == 0]
            assert len(pull) > 25
            assert robust_scatter(pull) == pytest.approx(1.0, abs=0.5), (kind, filt)


def core_above_sky(image, x, y):
    """Mean of the pixels within 2 px of a place, less the median of those from 7 to 12 px."""
    radius = np.hypot(*np.mgrid[-12:13, -12:13])
    part = np.asarray(image[y - 12 : y + 13, x - 12 : x + 13], dtype=float)
    return np.nanmean(part[radius <= 2]) - np.nanmedian(part[(radius >= 7) & (radius <= 12)])


def values(column):
    """Values of a column without mask."""
    return np.asarray(
        column if column.dtype.kind == "U" else np.ma.filled(np.ma.asarray(column, float), np.nan)
    )


@pytest.mark.parametrize(
    ("n_chunks", "backwards", "n_measured"),
    [
        (1, True, None),
        pytest.param(3, False, None, marks=pytest.mark.slow),
        ("per_source", False, 4),
        ("per_source", True, 2),
    ],
)
def test_chunks_and_order_change_nothing(
    measured, drawn_field, job, at_once, tmp_path, n_chunks, backwards, n_measured
):
    """To the last bit, in every column; one by one for some at both ends of the list."""
    rows = drawn_field.rows[::-1] if backwards else drawn_field.rows
    table = photometry_of(measured, job, tmp_path, rows, n_chunks, n_measured)
    ids = [row["id"] for row in rows][:n_measured]
    assert list(table["id"]) == ids
    assert table.colnames == at_once[1].colnames
    expected = at_once[1][[drawn_field.ids.index(name) for name in ids]]
    for name in table.colnames:
        assert table[name].dtype.kind == expected[name].dtype.kind
        np.testing.assert_array_equal(values(table[name]), values(expected[name]), err_msg=name)


def test_two_sources_that_share_a_cutout(measured, drawn_field, job, at_once, tmp_path):
    """A neighbour of another chunk is fitted with its source, as one of the same chunk is."""
    first = drawn_field.rows[3]
    beside = first | {"id": "beside", "dec": f"{float(first['dec']) + 0.2 / 3600:.7f}"}
    rows = [*drawn_field.rows[:4], beside]
    together, apart = (
        photometry_of(measured, job, tmp_path, rows, n_chunks) for n_chunks in (1, "per_source")
    )
    for name in together.colnames:
        np.testing.assert_array_equal(values(together[name]), values(apart[name]), err_msg=name)
    alone = at_once[1]["flux_F200W"][3]
    assert together["flux_F200W"][3] != alone
    assert together["flux_F200W"][3] == pytest.approx(alone, abs=5 * together["flux_err_F200W"][3])


def test_columns_of_a_published_table_are_no_filters(measured, drawn_field, job, tmp_path):
    """A list that brings fluxes along, one of them in a band that the field has and one that it has not."""
    extra = {"flux_F150W": "1.5", "flux_err_F150W": "0.1", "flux_F090W": "2.5", "flux_err_F090W": ""}
    rows = [row | extra for row in drawn_field.rows[:3]]
    table = photometry_of(measured, job, tmp_path, rows, 1)
    assert list(table["flux_F150W_listed"]) == [1.5] * 3
    assert np.all(np.asarray(table["flux_F150W"]) != 1.5)
    extinction = Table({"filter": list(FILTERS), "extinction_mag": [0.1, 0.05]})
    write_table(tmp_path / "extinction.ecsv", extinction, meta={})
    deredden_photometry.main(
        job(
            input={"photometry": tmp_path / "photometry.ecsv", "extinction": tmp_path / "extinction.ecsv"},
            output={"photometry": tmp_path / "dereddened.ecsv"},
            params={"is_dereddened": False},
            wildcards={"field": "mine", "chunk": "c000"},
        )
    )
    corrected = read_table(tmp_path / "dereddened.ecsv")
    assert list(corrected["flux_F150W_listed"]) == [1.5] * 3
    np.testing.assert_allclose(corrected["flux_F150W"], table["flux_F150W"] * 10**0.04, rtol=1e-12)
    assert [name for name in corrected.colnames if name.startswith("A_")] == ["A_F150W", "A_F200W"]


def test_free_positions_and_constant_sky(measured, drawn_field, job, at_once, tmp_path):
    """The preset of the paper runs through the same driver; its conditional errors are the errors."""
    fits_of = tmp_path / "paper.ecsv"
    fit_sources.main(
        job(
            input={
                "cutouts": at_once[0] / "F200W_0.fits",
                "mosaic": measured / "F200W.fits",
                "psf": measured / "F200W_psf.fits",
                "psf_grid": measured / "F200W_psf_grid.fits",
                "noise": measured / "F200W_noise.fits",
            },
            output={"fits": fits_of},
            params=PHOTOMETRY | {"preset": "paper"},
            wildcards={"field": "mine", "filter": "F200W", "chunk": "c000"},
        )
    )
    table = read_table(fits_of)
    np.testing.assert_array_equal(
        values(table["flux_err_F200W"]), values(table["flux_err_conditional_F200W"])
    )
    assert table["flags_F200W"][list(table["id"]).index(OUTSIDE)] & Flag.NO_DATA


def test_engines_are_compared(measured, drawn_field, job, plot, at_once, tmp_path):
    """Table of both filters, summary and figure; the same engine twice, so that no difference is the truth."""
    folder, _ = at_once
    parts = []
    for filt in FILTERS:
        inputs = {"cutouts": [f"{folder}/{filt}_0.fits"], "mosaic": f"{measured}/{filt}.fits"}
        inputs |= {kind: f"{measured}/{filt}_{kind}.fits" for kind in ("psf", "psf_grid", "noise")}
        if filt != REFERENCE:
            inputs |= {"reference": [f"{folder}/{REFERENCE}_0.ecsv"]}
            inputs |= {"offset": f"{measured}/{filt}_offset.ecsv"}
        parts.append(f"{tmp_path}/{filt}.ecsv")
        compare_engines.main(
            job(
                input=inputs,
                output={"engines": parts[-1]},
                params=PHOTOMETRY | {"engines": ["psf", "psf"]},
                wildcards={"field": "mine", "filter": filt},
            )
        )
    output = {name: f"{tmp_path}/{name}.ecsv" for name in ("sources", "summary")}
    join_engines.main(job(input={"engines": parts}, output=output, wildcards={"field": "mine"}))
    summary = read_table(output["summary"])
    kinds = list(zip(summary["filter"], summary["position_mode"], strict=True))
    assert kinds == [("F150W", "tied"), ("F150W", "free"), ("F200W", "free")]
    assert np.all(summary["p95_abs_sigma"] == 0)
    assert np.all(summary["n"] >= 20)
    assert np.all((summary["time_ratio"] > 0.1) & (summary["time_ratio"] < 10))
    images = {kind: f"{tmp_path}/engines.{kind}" for kind in ("png", "pdf")}
    params = {"filters": list(FILTERS)}
    plot("engines", input=output, output=images, params=params, wildcards={"field": "mine"})
    assert all(Path(path).stat().st_size > 5000 for path in images.values())


def test_stacks_and_figures(measured, drawn_field, job, plot, at_once, tmp_path):
    """Stacks of both filters, joined; then every figure of a field of images once."""
    folder, _ = at_once
    photometry, field = f"{folder}/photometry.ecsv", {"field": "mine"}
    stacks = []
    for filt in FILTERS:
        stacks.append(f"{tmp_path}/{filt}.fits")
        stack_sources.main(
            job(
                input={
                    "cutouts": [f"{folder}/{filt}_0.fits"],
                    "photometry": photometry,
                    "psf": f"{measured}/{filt}_psf.fits",
                    "psf_grid": f"{measured}/{filt}_psf_grid.fits",
                    "noise": f"{measured}/{filt}_noise.fits",
                },
                output={"stack": stacks[-1]},
                params=CONFIG["stack"]
                | {"filters": FILTERS, "reference_filter": "F200W", "sky": "quadratic"}
                | {"max_shift_px": 2.0, "engine": "psf"},
                wildcards=field | {"filter": filt},
            )
        )
    output = {"photometry": f"{tmp_path}/stack_fluxes.ecsv", "methods": f"{tmp_path}/stack_methods.ecsv"}
    join_stacks.main(
        job(
            input={"stacks": stacks},
            output=output,
            params={"zero_point_errors": dict.fromkeys(FILTERS, 0.02), "reference_filter": "F200W"},
            wildcards=field,
        )
    )
    row = read_table(output["photometry"])
    assert len(row) == 1
    for filt in FILTERS:
        assert row[f"flux_{filt}"][0] > 5 * row[f"flux_err_{filt}"][0] > 0
        assert 20 <= row[f"n_sources_{filt}"][0] <= 28
    for name, inputs, params in (
        ("psf", {"psf": f"{measured}/F200W_psf.fits", "check": f"{measured}/F200W_psf_check.fits"}, {}),
        (
            "stars",
            {"stars": f"{measured}/stars.ecsv", "psfs": [f"{measured}/{filt}_psf.fits" for filt in FILTERS]},
            {},
        ),
        (
            "overview",
            {"mosaics": [f"{measured}/{filt}.fits" for filt in FILTERS], "photometry": photometry},
            {"reference_filter": REFERENCE, "redshift": 0.39, "cosmology": COSMOLOGY},
        ),
        (
            "magnitudes",
            {"photometry": photometry, "star_counts": []},
            {"filters": list(FILTERS), "reference_filter": REFERENCE, "is_dereddened": False},
        ),
        ("stacks", {"stacks": stacks}, {}),
    ):
        output = {kind: f"{tmp_path}/{name}.{kind}" for kind in ("png", "pdf")}
        wildcards = field | {"filter": "F200W"}
        plot(name, input=inputs, output=output, params=params, wildcards=wildcards)
        assert Path(output["png"]).read_bytes().startswith(b"\x89PNG")
        assert Path(output["pdf"]).read_bytes().startswith(b"%PDF")


# ------------------------------------------------------------------------------------------- large mosaics

JOB = """
import importlib, json, sys
from types import SimpleNamespace
class Names(dict):
    __getattr__ = dict.__getitem__
driver, sections = json.loads(sys.stdin.read())
job = SimpleNamespace(**{key: Names(value) for key, value in sections.items()})
importlib.import_module(driver).main(job)
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def peak_memory_gb(driver, repo, **sections):
    """Peak resident memory (GB) of a driver in a process of its own, the mapped pages of files included."""
    import json

    sections = {name: sections.get(name, {}) for name in ("input", "output", "params", "wildcards")}
    done = subprocess.run(
        [sys.executable, "-c", JOB],
        input=json.dumps([driver, sections]),
        env={**os.environ, "PYTHONPATH": str(repo / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[-1]) * 1024 / 1e9


def scattered(size_px, n_sources, n_planes, center_deg):
    """Stamps of Gaussian point sources on noise, with a weight; and their positions as a chunk has them."""
    from astropy.wcs import WCS

    rng = np.random.default_rng(7)
    wcs = WCS(tan_header((size_px, size_px), center_deg))
    y, x = np.mgrid[-50:51, -50:51]
    light = 20.0 * np.exp(-(x**2 + y**2) / 8.0) / (8.0 * np.pi)
    corners = rng.integers(100, size_px - 200, size=(n_sources, 2))
    stamps = [
        (int(cx), int(cy), [light + rng.normal(0, 0.2, light.shape), np.full(light.shape, 25.0)])
        for cx, cy in corners
    ]
    ra, dec = wcs.all_pix2world(corners[:, 0] + 50, corners[:, 1] + 50, 0)
    members = [
        {"id": str(n), "ra": float(a), "dec": float(d), "neighbours": []}
        for n, (a, d) in enumerate(zip(ra, dec, strict=True))
    ]
    return stamps, members


def plane_header(name, size_px, center_deg, unit):
    """Header of a square float32 image, primary without a name."""
    primary = fits.PrimaryHDU().header if not name else fits.ImageHDU().header
    header = primary.copy()
    header["BITPIX"], header["NAXIS"] = -32, 2
    header.set("NAXIS1", size_px, after="NAXIS")
    header.set("NAXIS2", size_px, after="NAXIS1")
    header.update(tan_header((size_px, size_px), center_deg))
    header["BUNIT"] = unit
    if name:
        header["EXTNAME"] = name
        header["FILTER"], header["FIELD"], header["PIXSCALE"] = "F200W", "large", 0.02
    return header


linux = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")


@linux
def test_cutouts_take_no_memory_from_the_mosaic(repo, tmp_path):
    """Pages of the file that were read do not pile up, though all of it is in the system's cache."""
    size, center = 7000, (110.8, -73.4)
    stamps, members = scattered(size, 178, 2, center)
    planes = [plane_header(name, size, center, unit) for name, unit in (("SCI", "nJy"), ("IVAR", "1/nJy2"))]
    write_sparse(tmp_path / "mosaic.fits", planes, stamps, extensions=True)
    content = (tmp_path / "mosaic.fits").read_bytes()  # 392 MB, now without holes
    (tmp_path / "mosaic.fits").write_bytes(content)
    peak = peak_memory_gb(
        "cut_sources",
        repo,
        input={"mosaic": str(tmp_path / "mosaic.fits")},
        output={"cutouts": str(tmp_path / "cutouts.fits")},
        params={"sources": members, "cutout_size_arcsec": 0.8, "joint_radius_arcsec": 0.55},
    )
    (tmp_path / "mosaic.fits").unlink()
    assert peak < 0.2
    data = fits.getdata(tmp_path / "cutouts.fits", "SCI")
    assert data.shape == (178, 41, 41)
    assert np.all(
        np.abs(data.sum(axis=(1, 2)) - 20) < 60
    )  # 8 nJy of noise in the sum of a cutout, and overlaps


@linux
@pytest.mark.slow
def test_memory_of_a_mosaic_of_24000_by_24000(repo, tmp_path):
    """178 sources; every job from the mosaic to the fits stays below 1 GB. Writes 4.6 GB, removed at once."""
    from clusterphot.base.products import Noise, Psf, write_noise, write_psf

    size, center = 24000, (110.8, -73.4)
    stamps, members = scattered(size, 178, 2, center)
    for number, (kind, unit) in enumerate((("sci", "nJy"), ("wht", ""))):
        of_kind = [(x, y, [planes[number]]) for x, y, planes in stamps]
        header = plane_header("", size, center, unit)
        write_sparse(tmp_path / f"{kind}.fits", [header], of_kind, extensions=False)
    y, x = np.mgrid[-20:21, -20:21]
    psf = np.exp(-(x**2 + y**2) / 8.0)
    write_psf(tmp_path / "psf.fits", Psf(psf / psf.sum(), 0.02, "F200W"))
    write_noise(tmp_path / "noise.fits", Noise(np.ones((1, 1)), 1.0, "F200W"))
    path = SimpleNamespace(
        **{
            name: str(tmp_path / f"{name}.fits")
            for name in ("sci", "wht", "mosaic", "cutouts", "psf", "noise")
        }
    )
    names = ("mag_min", "mag_max", "mag_bright", "half_light_radius_max_px", "isolation_arcsec")
    jobs = {
        "prepare_mosaic": {
            "input": {"sci": path.sci, "wht": path.wht},
            "output": {"mosaic": path.mosaic},
            "params": {"zero_point_factor": 1.0, "gain_e_per_njy": None},
        },
        "cut_sources": {
            "input": {"mosaic": path.mosaic},
            "output": {"cutouts": path.cutouts},
            "params": PHOTOMETRY | {"sources": members},
        },
        "fit_sources": {
            "input": {"mosaic": path.mosaic, "cutouts": path.cutouts, "psf": path.psf, "noise": path.noise},
            "output": {"fits": str(tmp_path / "fits.ecsv")},
            "params": PHOTOMETRY,
        },
        "select_stars": {
            "input": {"mosaic": path.mosaic},
            "output": {"stars": str(tmp_path / "stars.ecsv")},
            "params": {name: CONFIG["psf"][name] for name in names} | {"required": False},
        },
    }
    of_chunk = {"field": "large", "filter": "F200W", "chunk": "c000"}
    try:
        peaks = {
            driver: peak_memory_gb(driver, repo, **sections, wildcards=of_chunk)
            for driver, sections in jobs.items()
        }
    finally:
        (tmp_path / "mosaic.fits").unlink(missing_ok=True)
    assert max(peaks.values()) < 1.0, peaks
    table = read_table(tmp_path / "fits.ecsv")
    good = table["flags_F200W"] == 0
    assert good.sum() > 150
    pull = (table["flux_F200W"] - 20.0) / table["flux_err_F200W"]
    assert abs(np.median(pull[good])) < 0.5
