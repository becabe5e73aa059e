"""PSFs over simulated fields against the truth, ours beside PSFEx, Piff and photutils (`make bench-psf`): docs/psf.md.

Each field is simulated, taken through the workflow as far as its PSFs, and other programs make theirs from the same
stars. What was measured stays in the folder of the field (measured.json) until the code of the PSFs or the bench
changes: an interrupted run goes on where it stopped. Mosaics go once they were measured, unless they are kept.
"""

import argparse
import json
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from astropy.table import Table

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "workflow" / "scripts"), str(REPO / "tests")]

import psf_measures as measures  # noqa: E402
import psf_page  # noqa: E402
import psf_peers  # noqa: E402
from marked_page import write_between_marks  # noqa: E402
from simulated_field import cpu_seconds, draw_truth, run_workflow, write_field  # noqa: E402

FILTERS = ("F090W", "F150W", "F200W", "F277W", "F356W", "F444W")
CLEARANCE_ARCSEC = 0.6
"""Of stars and galaxies from clusters, the default of simulated fields."""

FIRST_SEED = 411
"""Seeds below 300 were used for tuning."""

STARS_PER_ARCSEC2 = 40 / 40.0**2
VARIATION = 0.15

KINDS = {
    "varying": {"number": 16, "first": 0, "variation": VARIATION, "size_arcsec": 40.0},
    "constant": {"number": 8, "first": 20, "variation": 0.0, "size_arcsec": 40.0},
    "wide": {"number": 2, "first": 30, "variation": VARIATION, "size_arcsec": 120.0},
    "few_stars": {
        "number": 1,
        "first": 40,
        "variation": VARIATION,
        "size_arcsec": 40.0,
        "n_stars": 20,
        "n_bright_stars": 0,
    },
}
"""Kinds of fields: how many by default, which seed after that of the first, variation of the FWHM over the field,
side, and numbers of stars other than the default, 40 of 25-27 mag on 40" x 40" and a quarter as many brighter ones."""

OURS = "ours"
CODE = ("simulate_exposures", "prepare_mosaic", "measure_noise", "select_stars", "stack_stars", "build_psf")
"""Drivers on which the PSFs of a field depend."""

LEFT_OUT_RULES = ("stack_stars", "build_psf")
"""What is run anew with stars left out; the mosaics, their noise and the list of stars are given."""

N_GROUPS = 5
"""Into which the stars are dealt: each group is left out in turn."""


def settings_of(kind, arguments):
    """Settings of `simulated_field.draw_truth` for a kind of field."""
    words = {name: value for name, value in KINDS[kind].items() if name not in ("number", "first")}
    for name in ("size_arcsec", "variation"):
        given = getattr(arguments, name)
        words[name] = words[name] if given is None else given
    variation = words.pop("variation")
    words.setdefault("n_stars", round(STARS_PER_ARCSEC2 * words["size_arcsec"] ** 2))
    return words | {"exposures": {"fwhm_variation": variation}, "clearance_arcsec": CLEARANCE_ARCSEC}


def code_digest():
    """Digest of the code that the numbers of a field depend on."""
    from clusterphot.run.codes import Sources

    sources = Sources(REPO / "workflow" / "scripts")
    return [sources.digest(driver) for driver in CODE]


def bench_digest():
    """Digest of the modules of this bench that measure."""
    import hashlib

    here = Path(__file__).parent
    names = ("psf_measures.py", "psf_peers.py", "psf_piff.py", "simulated_field.py")
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in names)).hexdigest()[:12]


# ---- one field --------------------------------------------------------------------------------------------------


def run_field(folder, kind, seed, arguments, peers, *, left_out):
    """Simulate, make PSFs, measure; what was measured before with the same code is kept."""
    settings = settings_of(kind, arguments)
    key = {
        "settings": settings, "filters": arguments.filters, "code": code_digest(), "bench": bench_digest(),
        "peers": {peer.name: peer.version() for peer in peers}, "left_out": left_out,
    }  # fmt: skip
    record = folder / "measured.json"
    if record.exists():
        entry = json.loads(record.read_text(encoding="utf-8"))
        if entry["key"] == json.loads(json.dumps(key)):
            return entry
    make_field(folder, seed, settings, arguments)
    folds = leave_out(folder, arguments) if left_out else {}
    with ProcessPoolExecutor(arguments.cores) as pool:
        work = partial(measure_filter, folder, peers=peers, folds=folds)
        by_filter = dict(zip(arguments.filters, pool.map(work, arguments.filters), strict=True))
    for filt, values in by_filter.items():
        values["methods"][OURS]["cpu_s"] = sum(cpu_seconds(folder, rule, filt) for rule in LEFT_OUT_RULES)
    entry = {"key": key, "kind": kind, "seed": seed, "filters": by_filter}
    record.write_text(json.dumps(entry), encoding="utf-8")
    if not arguments.keep:
        for path in folder.iterdir():
            if path not in (record, folder / "workflow.log"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    return entry


def make_field(folder, seed, settings, arguments):
    """Simulate a field if it is not there, and make its PSFs."""
    truth = draw_truth(seed, filters=tuple(arguments.filters), **settings)
    if not (folder / "field.yaml").exists():
        write_field(folder, truth)
    elif made_of(folder) != truth.meta["simulation"]:
        raise SystemExit(f"{folder}: holds another field than that of seed {seed}. Hint: delete the folder.")
    run_workflow(folder, *psf_files(arguments), cores=arguments.cores)


def made_of(folder):
    """Configuration of the field that a folder holds."""
    return Table.read(folder / "truth.ecsv", format="ascii.ecsv").meta["simulation"]


def psf_files(arguments):
    """Targets of the workflow."""
    return [f"results/drawn/{filt}/psf.fits" for filt in arguments.filters]


def load(folder, filt):
    """Mosaic, star set, our PSF over the field, true stamps and their places."""
    from clusterphot.base.products import calibrated, read_mosaic, read_noise
    from clusterphot.base.psf_field import read_psf_grid
    from clusterphot.psf.stars import read_stars

    base = folder / "results" / "drawn"
    mosaic = calibrated(
        read_mosaic(str(base / filt / "mosaic.fits")), read_noise(str(base / filt / "noise.fits"))
    )
    stars = psf_peers.star_set(
        mosaic, read_stars(str(base / "stars.ecsv")), psf_peers.notes_of(base / filt / "psf.fits")
    )
    truth, places = read_psf_grid(str(folder / f"{filt}_psf_grid.fits"))
    return mosaic, stars, our_psfs(folder, filt), truth, places


def our_psfs(folder, filt):
    """Function of places (n, 2) that gives our PSFs (n, m, m) of a filter as shares of the total light."""
    from clusterphot.base.psf_field import read_psf_field

    base = folder / "results" / "drawn" / filt
    field = read_psf_field(str(base / "psf.fits"), str(base / "psf_grid.fits"))

    def psfs_at(places):
        """PSFs (n, m, m) at places (n, 2)."""
        there = [field.at(x, y) for x, y in places]
        return np.array([psf.data * psf.ee_stamp for psf in there])

    return psfs_at


def measure_filter(folder, filt, *, peers, folds):
    """All numbers of a filter of a field."""
    from clusterphot.base.products import read_psf

    mosaic, stars, ours, truth, places = load(folder, filt)
    scale, side = mosaic.pixel_scale_arcsec, min(truth.shape[-1], stars.data.shape[-1])
    truth = np.array([measures.cut(image, side // 2) for image in truth])
    methods = {OURS: values_of(truth, ours(places), places, mosaic, psf_peers.STAMP_ARCSEC / 2)}
    for peer in peers:
        scratch = folder / "peers" / filt / peer.name.replace(" ", "_").replace(",", "")
        try:
            psfs_at, seconds = peer.build(stars, scratch)
            methods[peer.name] = values_of(truth, psfs_at(places), places, mosaic, peer.radius_arcsec(stars))
            methods[peer.name]["cpu_s"] = seconds
        except Exception as error:  # whatever a program of others ends with is told in the table
            print(f"{folder.name} {filt}, {peer.name}: {error}", flush=True)
            methods[peer.name] = {"failed": str(error)[-300:]}
    psf = read_psf(str(folder / "results" / "drawn" / filt / "psf.fits"))
    out = {"n_stars": len(stars), "sys_error": psf.sys_error, "methods": methods}
    if folds:
        out["left_out"] = left_of(filt, stars, truth, places, peers, folds, scale)
    return out


def values_of(truth, models, places, mosaic, radius_arcsec):
    """Biases and encircled energies of PSFs at the places of the truth."""
    scale = mosaic.pixel_scale_arcsec
    half = truth.shape[-1] // 2
    models = np.array([measures.cut(image, half) for image in models])
    bias, of_shape = measures.biases(truth, models, scale, radius_arcsec)
    middle = len(places) // 2
    return {
        "bias": bias.tolist(),
        "bias_of_shape": of_shape.tolist(),
        "inner": measures.is_inner(places, mosaic.shape).tolist(),
        "ee_ratio": measures.energy_ratios(truth[middle], models[middle], scale).tolist(),
    }


# ---- stars left out ---------------------------------------------------------------------------------------------


def leave_out(folder, arguments):
    """Make PSFs of a field without each group of stars; numbers of the left-out stars by folder."""
    from clusterphot.psf.stars import ROLE_NONE, read_stars, write_stars

    stars = read_stars(str(folder / "results" / "drawn" / "stars.ecsv"))
    used = np.flatnonzero(np.asarray(stars["role"]) != ROLE_NONE)
    folds = {}
    for group in range(N_GROUPS):
        copy = folder / "left_out" / str(group)
        link_inputs(folder, copy)
        rows = used[group::N_GROUPS]
        fewer = stars.copy()
        fewer["role"][rows] = ROLE_NONE
        write_stars(str(copy / "results" / "drawn" / "stars.ecsv"), fewer)
        run_workflow(
            copy, *psf_files(arguments), cores=arguments.cores, more=("--allowed-rules", *LEFT_OUT_RULES)
        )
        folds[str(copy)] = [int(number) for number in stars["id"][rows]]
    return folds


def link_inputs(folder, copy):
    """Links to all files of a field but its list of stars and its PSFs."""
    shutil.rmtree(copy, ignore_errors=True)
    files = [path for path in folder.iterdir() if path.is_file()]
    files += [path for path in (folder / "results").rglob("*") if path.is_file()]
    for path in files:
        if path.name not in ("stars.ecsv", "psf.fits", "psf_grid.fits", "workflow.log"):
            link = copy / path.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)


def left_of(filt, stars, truth, places, peers, folds, pixel_scale_arcsec):
    """Misfit of stars that were left out, by method: share of their light beyond what the true PSF leaves."""
    from clusterphot.base.products import Psf
    from clusterphot.base.psf_field import psf_over_field

    middle = Psf(truth[len(truth) // 2], pixel_scale_arcsec, filt)
    true_field = psf_over_field(middle, truth, places)
    left = {name: [] for name in ("truth", OURS, *(peer.name for peer in peers))}
    light, snr = [], []
    for fold, ids in folds.items():
        others, out = stars.without(ids), stars.without(stars.without(ids).ids)
        there = np.stack([out.x, out.y], axis=1)
        snr += list(out.flux / out.flux_err)
        models = {
            "truth": [true_field.at(x, y).data for x, y in there],
            OURS: our_psfs(Path(fold), filt)(there),
        }
        for peer in peers:
            try:
                models[peer.name] = peer.build(others, Path(fold) / "peers" / filt / peer.name[:5])[0](there)
            except Exception as error:  # as above
                print(f"{fold} {filt}, {peer.name}: {error}", flush=True)
                models[peer.name] = None
        for name, images in models.items():
            for k in range(len(out)):
                if images is None:
                    left[name].append(np.nan)
                    continue
                value = measures.left_of_star(out.data[k], out.ivar[k], images[k], pixel_scale_arcsec)
                left[name].append(value[0])
                if name == "truth":
                    light.append(value[1])
    return {
        name: measures.misfit_beyond(values, left["truth"], light, snr)
        for name, values in left.items()
        if name != "truth"
    }


# ---- all fields -------------------------------------------------------------------------------------------------


def peers_of(arguments):
    """Peers that can be run; why others are not is said."""
    environment = (arguments.piff or arguments.folder / "piff").resolve()
    if arguments.install_piff and not psf_peers.python_of(environment).exists():
        psf_peers.install_piff(environment)
    found, left = [], {}
    for peer in () if arguments.no_peers else psf_peers.all_peers(environment):
        reason = peer.missing()
        if reason:
            left[peer.name] = reason
            print(f"{peer.name} is left out: {reason}", flush=True)
        else:
            found.append(peer)
    return found, left


def parse():
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        help="scratch folder; a field of 40 arcsec takes some 700 MB while it is measured",
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--fields", type=int, help="fields of each kind at most (default: 16, 8, 2 and 1)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first field of the first kind")
    parser.add_argument("--variation", type=float, help="of the FWHM over the field, for all kinds")
    parser.add_argument(
        "--size", type=float, dest="size_arcsec", help="side of the fields (arcsec), for all kinds"
    )
    parser.add_argument("--filters", nargs="+", default=list(FILTERS), help="F200W is among them always")
    parser.add_argument(
        "--left-out",
        type=int,
        default=1,
        help="fields of each kind but `wide` on which stars are left out in turn",
    )
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep mosaics and PSFs, to measure them again after a change of the code",
    )
    parser.add_argument("--no-peers", action="store_true", help="ours only")
    parser.add_argument(
        "--piff", type=Path, help="virtual environment that has Piff (default: piff in the folder)"
    )
    parser.add_argument("--install-piff", action="store_true", help="make that environment")
    parser.add_argument("--page", action="store_true", help="write the tables into docs/psf.md")
    return parser.parse_args()


def main():
    arguments = parse()
    arguments.filters = [name for name in FILTERS if name in {*arguments.filters, "F200W"}]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    peers, left = peers_of(arguments)
    entries = []
    for kind in arguments.kinds:
        number = min(KINDS[kind]["number"], arguments.fields or KINDS[kind]["number"])
        for k in range(number):
            seed = arguments.seed + KINDS[kind]["first"] + k
            folder = (arguments.folder / f"{kind}_{seed}").resolve()
            left_out = kind != "wide" and k < arguments.left_out
            entries.append(run_field(folder, kind, seed, arguments, peers, left_out=left_out))
            print(psf_page.line(entries[-1]), flush=True)
    numbers = psf_page.numbers(entries)
    (arguments.folder / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    text = psf_page.tables(entries, numbers, peers, left)
    if arguments.page:
        write_between_marks(REPO / "docs" / "psf.md", "tables", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
