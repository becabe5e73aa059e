"""Kills at random times, damaged intermediates, full disks and mutated inputs, by the hundred.

FAULTS=0.1 in the environment runs a tenth of each. What must hold: equal tables, or one message; no traceback, no hang.
"""

import contextlib
import csv
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from clusterphot.base import user_tables
from clusterphot.base.errors import UserError
from clusterphot.comparisons import catalogue
from clusterphot.lensing import magnification
from clusterphot.luminosity import distribution
from clusterphot.mosaics import calibration
from clusterphot.psf import user_file
from clusterphot.run import chunks, redshifts
from clusterphot.side_by_side import published
from image_field import write_pair
from running import REPO, Run, copy_run, environment

pytestmark = pytest.mark.slow
SHARE = float(os.environ.get("FAULTS", "1"))
SEED = int(os.environ.get("FAULTS_SEED", "17"))
HANG_S = 60.0
"""Of a plan or a check; a run as a whole may take longer."""


def number(full):
    """How many of a full series are run."""
    return max(1, round(full * SHARE))


def contents(cwd, targets):
    """Rows of the tables, whatever stands in their headers."""
    return {
        name: [
            line for line in (cwd / name).read_text(encoding="utf-8").split("\n") if not line.startswith("# ")
        ]
        for name in targets
    }


def begin(cwd, repo, targets, log):
    """Start a run in a session of its own."""
    return subprocess.Popen(
        [
            *(Path(sys.executable).with_name("snakemake"), "--snakefile", repo / "Snakefile", "--cores", "2"),
            *("--configfile", "my.yaml", "more.yaml", "--", *targets),
        ],
        cwd=cwd,
        env=environment(),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def finish(cwd, repo, targets, path):
    """Run to the end; status and what was said."""
    with open(path, "w+", encoding="utf-8") as log:
        status = begin(cwd, repo, targets, log).wait(timeout=900)
        log.seek(0)
        return status, log.read()


def test_kills_at_random_times(imaged, drawn_field, tmp_path):
    """Of the whole run or of Snakemake alone: the same command goes on, to the same tables."""
    rng = np.random.default_rng(SEED)
    expected, cwd = contents(imaged.cwd, imaged.targets), None
    said, kills = [], 0
    while kills < number(40):
        if cwd is None:
            cwd = drawn_field.copy(tmp_path / f"run{len(said)}")
            shutil.copy(imaged.cwd / "more.yaml", cwd)
        with open(tmp_path / "log", "w+", encoding="utf-8") as log:
            process = begin(cwd, imaged.repo, imaged.targets, log)
            try:
                process.wait(timeout=rng.uniform(1.0, 25.0))
            except subprocess.TimeoutExpired:
                if rng.random() < 0.5:
                    os.kill(process.pid, signal.SIGKILL)
                else:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
            log.seek(0)
            said.append(log.read())
        if process.returncode >= 0:  # it came to its end before it was killed
            assert process.returncode == 0, said[-1]
            assert contents(cwd, imaged.targets) == expected
            cwd = None
    if cwd is not None:
        status, last = finish(cwd, imaged.repo, imaged.targets, tmp_path / "log")
        assert status == 0, last
        assert contents(cwd, imaged.targets) == expected
        said.append(last)
    assert not any(re.search("Traceback|cannot be locked|--unlock", text) for text in said)


DAMAGES = {
    "cut": lambda content, rng: content[: rng.integers(1, len(content))],
    "empty": lambda content, rng: b"",
    "changed": lambda content, rng: _changed(content, rng, 20),
    "zeros": lambda content, rng: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
}


def _changed(content, rng, n):
    """The same with some bytes in a row changed."""
    start = int(rng.integers(0, max(len(content) - n, 1)))
    return content[:start] + bytes(byte ^ 0x2A for byte in content[start : start + n]) + content[start + n :]


def one_of_each_first(files, rng):
    """Places of files in a random order, in which no product comes again before every other has come."""
    seen, rounds = Counter(), []
    for place in rng.permutation(len(files)):
        product = re.sub(r"\bF\d+W\b|\bc\d+\b", "*", str(files[place]))
        rounds.append((seen[product], place))
        seen[product] += 1
    return [place for _, place in sorted(rounds, key=lambda item: item[0])]


@pytest.mark.parametrize("ending", [".ecsv", ".fits", ".h5"])
def test_damaged_intermediates(imaged, snakemake, tmp_path, ending):
    """What was made after it is made again: from the damaged file, which is noticed, or not from it."""
    rng = np.random.default_rng(SEED)
    expected = contents(imaged.cwd, imaged.targets)
    results = imaged.cwd / "results"
    files = sorted(path.relative_to(imaged.cwd) for path in results.rglob(f"*{ending}") if path.is_file())
    files = [path for path in files if str(path) not in imaged.targets]
    # of some kinds there are fewer, damaged in several ways
    for turn, place in enumerate(np.resize(one_of_each_first(files, rng), number(10))):
        how = list(DAMAGES)[turn % len(DAMAGES)]
        cwd = copy_run(imaged.cwd, tmp_path / f"{turn}")
        path = cwd / files[place]
        times = path.stat()
        for other in (cwd / "results").rglob("*"):
            if other.is_file() and other.stat().st_mtime_ns > times.st_mtime_ns:
                other.unlink()
        path.write_bytes(DAMAGES[how](path.read_bytes(), rng))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        argv = ("--configfile", "my.yaml", "more.yaml", "--", *imaged.targets)
        run = snakemake(*argv, cwd=cwd, repo=imaged.repo, cores=2)
        said = run.stdout + run.stderr
        case = f"{how} {files[place]}: "
        assert "Traceback" not in said, case + said
        if run.status:
            assert f"{files[place]}: got a damaged file" in said, case + said
            assert "delete it and give the same command again" in said
            path.unlink()
            run = snakemake(*argv, cwd=cwd, repo=imaged.repo, cores=2)
        assert run.status == 0, case + run.stdout + run.stderr
        assert contents(cwd, imaged.targets) == expected, case
        shutil.rmtree(cwd)


def mount(folder, size):
    """A small disk, or a skip where only root may have one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no small disk can be had: {done.stderr.decode().strip()}")


def test_full_disks(imaged, drawn_field, tmp_path):
    """Filled to the last byte at a random time, logs and metadata on the same disk."""
    rng = np.random.default_rng(SEED)
    expected = contents(imaged.cwd, imaged.targets)
    for turn in range(number(5)):
        disk = tmp_path / f"disk{turn}"
        mount(disk, "200m")
        try:
            cwd = drawn_field.copy(disk / "run")
            shutil.copy(imaged.cwd / "more.yaml", cwd)
            with open(tmp_path / "log", "w+", encoding="utf-8") as log:
                process = begin(cwd, imaged.repo, imaged.targets, log)
                time.sleep(rng.uniform(1.0, 20.0))
                with open(disk / "fill", "wb", buffering=0) as filling:
                    try:
                        while process.poll() is None:
                            filling.write(bytes(4096))
                    except OSError:
                        process.wait(timeout=600)
                log.seek(0)
                said = log.read()
            assert "Traceback" not in said and "Logging error" not in said, said
            if process.returncode:
                assert "free some and give the same command again" in said, said
            (disk / "fill").unlink()
            status, last = finish(cwd, imaged.repo, imaged.targets, tmp_path / "log")
            assert status == 0, last
            assert contents(cwd, imaged.targets) == expected
        finally:
            subprocess.run(["umount", disk], check=False)


def fill(disk):
    """To the last byte."""
    with open(disk / "fill", "ab", buffering=0) as filling, contextlib.suppress(OSError):
        while True:
            filling.write(bytes(4096))


@pytest.mark.parametrize("begun", ["nothing", "the folders"])
def test_a_disk_that_fills_up_before_the_first_job(workdir, tmp_path, begun):
    """Full before Snakemake's log begins, or after the look at the folders: one message; the same command goes on."""
    disk = tmp_path / "disk"
    mount(disk, "60m")
    try:
        cwd = shutil.copytree(workdir, disk / "run")
        shutil.move(cwd / "small.yaml", cwd / "my.yaml")
        (cwd / "more.yaml").write_text("{}\n")
        target = "results/small/photometry/c000.ecsv"
        with open(tmp_path / "log", "w+", encoding="utf-8") as log:
            if begun == "nothing":
                fill(disk)
            process = begin(cwd, REPO, [target], log)
            while process.poll() is None and not list(cwd.glob(".snakemake/runs/*")):
                time.sleep(0.005)
            fill(disk)
            assert process.wait(timeout=600) == 1
            log.seek(0)
            said = log.read()
        assert "Traceback" not in said and "Logging error" not in said, said
        # A job that had begun says it too.
        told = 1 + ("Error in rule" in said)
        assert said.count("free some and give the same command again") == told, said
        (disk / "fill").unlink()
        status, last = finish(cwd, REPO, [target], tmp_path / "log")
        assert status == 0, last
    finally:
        subprocess.run(["umount", disk], check=False)


def mutated(content, rng):
    """A text with one thing wrong: bytes, a line, a cell, a sign."""
    lines = content.split(b"\n")
    row = int(rng.integers(len(lines)))
    kind = rng.integers(8)
    if kind == 0:
        return _changed(content, rng, int(rng.integers(1, 4)))
    if kind == 1:
        return content[: int(rng.integers(len(content)))]
    if kind == 2:
        lines.insert(row, lines[int(rng.integers(len(lines)))])
    elif kind == 3:
        lines.pop(row)
    elif kind == 4:
        odd = [
            b"nan",
            b"-1e30",
            b"1e300",
            b"",
            b"inf",
            b"1e-320",
            b"\xc2\x85",
            b"# x",
            b"=1+1",
            b"\x00",
            b"0x10",
            b"{a}",
        ]
        cells = re.split(rb"([,: ])", lines[row])
        cells[int(rng.integers(len(cells)))] = odd[int(rng.integers(len(odd)))]
        lines[row] = b"".join(cells)
    elif kind == 5:
        lines[row] = lines[row].replace(b",", b";").replace(b": ", b":")
    elif kind == 6:
        lines[row] = b"\t" + lines[row] + b"\r"
    else:
        start = int(rng.integers(len(content)))
        return content[:start] + bytes(rng.integers(0, 256, 3, dtype=np.uint8)) + content[start:]
    return b"\n".join(lines)


def mutated_header(content, rng, n_cards=36):
    """A FITS file with one of its first cards changed: another value, another name, or cut."""
    card = 80 * int(rng.integers(0, n_cards))
    values = [b"-1", b"0.5", b"'abc'", b"1e400", b"T", b"", b"99999999", b"NaN"]
    kind = rng.integers(3)
    if kind == 0:
        value = values[int(rng.integers(len(values)))].rjust(20)
        return content[: card + 10] + value + content[card + 30 :]
    if kind == 1:
        return content[:card] + b"XYZ     " + content[card + 8 :]
    return content[: int(rng.integers(len(content)))]


IMAGES = """\
fields:
  x: {redshift: 0.39, ebv: 0.1, sources: my.csv, reference_filter: F200W,
      mosaics: {F200W: {sci: f200w_sci.fits, wht: f200w_wht.fits, psf: f200w_psf.fits}}}
"""
FAMILIES = {
    "table": ("small.csv", mutated, "results/small/photometry/c000.ecsv"),
    "stack": ("small_stack.csv", mutated, "results/small/stack_fluxes.ecsv"),
    "config": ("small.yaml", mutated, "results/small/photometry/c000.ecsv"),
    "image": ("f200w_sci.fits", mutated_header, "results/x/F200W/mosaic.fits"),
    "weight": ("f200w_wht.fits", mutated_header, "results/x/F200W/mosaic.fits"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_mutated_inputs(snakemake, workdir, family):
    """Check and run say the same, in one message or more, and what both accept comes to its end."""
    name, mutate, target = FAMILIES[family]
    rng = np.random.default_rng([SEED, *family.encode()])
    config = "small.yaml"
    if family in ("image", "weight"):
        write_pair(workdir, "f200w")
        (workdir / "my.csv").write_text("id,ra,dec\none,110.83,-73.45\n")
        (workdir / "my.yaml").write_text(IMAGES)
        radius = np.hypot(*np.mgrid[-20:21, -20:21])
        psf = np.exp(-0.5 * (radius / 1.4) ** 2)  # FWHM 0.066 arcsec on pixels of 0.02
        fits.PrimaryHDU(psf / psf.sum()).writeto(workdir / "f200w_psf.fits")
        config = "my.yaml"
    whole, wrong = (workdir / name).read_bytes(), []
    for turn in range(number(90)):
        (workdir / name).write_bytes(mutate(whole, rng))
        began = time.monotonic()
        checked = subprocess.run(
            [sys.executable, REPO / "workflow" / "scripts" / "check_config.py", "--config", workdir / config],
            capture_output=True,
            timeout=HANG_S,
            env=environment(),
        )
        said = (checked.stdout + checked.stderr).decode(errors="replace")
        read = subprocess.run(
            [sys.executable, REPO / "workflow" / "scripts" / "read_config.py", workdir / config],
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )
        run = Run(read.returncode, read.stdout, read.stderr)
        if run.status == 0:  # `make run` reads the configuration first, and ends there
            run = snakemake("--configfile", config, "--", target, cwd=workdir)
        seconds = time.monotonic() - began
        told = run.stdout + run.stderr
        refused = "ConfigError: " in told or "DataError: " in told
        if "Traceback" in said + told or seconds > HANG_S:
            wrong.append(f"{turn}: traceback or {seconds:.0f} s: {said}{told}")
        elif run.status and not refused:
            wrong.append(f"{turn}: in the words of Snakemake: {told}")
        elif (checked.returncode == 0) != (run.status == 0):
            wrong.append(f"{turn}: check {checked.returncode}, run {run.status}: {said}{told}")
        for folder in ("results", "logs", ".snakemake"):
            shutil.rmtree(workdir / folder, ignore_errors=True)
        if wrong and wrong[-1].startswith(f"{turn}: "):
            keep = workdir.parent / f"{family}{turn}"
            keep.write_bytes((workdir / name).read_bytes())
    assert wrong == [], "\n\n".join(wrong)


def list_of_sources(path):
    """A FITS table of two sources with fluxes, and what reads it."""
    columns = {"id": ["a", "b"], "ra": [1.0, 2.0], "dec": [2.0, 3.0], "flux_F200W": [1.0, 2.0]}
    Table(columns | {"flux_err_F200W": [0.1, 0.1]}).write(path, overwrite=True)

    def read():
        user_tables._read_cells.cache_clear()  # files of one nanosecond
        user_tables.read_photometry(str(path), "key")
        user_tables.read_positions(str(path), "key")

    return read


def catalogue_of_galaxies(path):
    """A FITS table of galaxies, and what checks and reads it."""
    Table({"z": [0.4] * 16, "Y": [21.0] * 16, "K": [20.0] * 16, "m": [9.0] * 16}).write(path)
    columns = {"redshift": "z", "log_mass": "m", "bands": {"1.0": "Y", "2.0": "K"}}

    def read():
        section = {"catalogue": str(path), "columns": columns, "flux_unit": "mag"}
        catalogue.check_catalogue(section, lambda key: "my.yaml")
        chosen = {"redshift": 0.39, "redshift_width": 0.1, "log_ssfr_quiescent": -11.0}
        catalogue.read_comparison(str(path), columns, flux_unit="mag", **chosen)

    return read


def map_of_density(path):
    """A map of a user on a celestial WCS, and what reads it."""
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 11.0, "CRPIX2": 11.0}
    cards |= {"CDELT1": -1e-4, "CDELT2": 1e-4, "CRVAL1": 110.8, "CRVAL2": -73.4}
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((21, 21)), fits.Header(cards))]).writeto(path)
    cells = WCS(fits.Header(cards))
    return lambda: distribution.read_map(str(path), cells, (21, 21))


def map_of_magnification(path, kind=fits.ImageHDU):
    """A map of a lens, and what checks it and reads it at the places of sources."""
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 11.0, "CRPIX2": 11.0}
    cards |= {"CDELT1": -1e-4, "CDELT2": 1e-4, "CRVAL1": 110.8, "CRVAL2": -73.4}
    values = np.random.default_rng(1).uniform(2.0, 9.0, (21, 21)).astype("f4")
    fits.HDUList([fits.PrimaryHDU(), kind(values, fits.Header(cards))]).writeto(path)
    places, entry = (np.array([110.8, 110.8005]), np.array([-73.4, -73.4002])), {"map": str(path)}

    def read():
        magnification.check_entry(entry, "my.yaml", places)
        found, _ = magnification.magnify(entry, magnification.Listed({}, {}), ["a", "b"], *places)
        assert not np.isinf(found).any()

    return read


def packed_map_of_magnification(path):
    """The same in compressed tiles."""
    return map_of_magnification(path, fits.CompImageHDU)


def grid_of_psfs(path):
    """PSFs at nine places of a mosaic as photutils reads them, and what reads them; none is unlike the others."""
    radius = np.hypot(*np.mgrid[-40:41, -40:41]) / 4
    psf = np.exp(-0.5 * (radius / 1.4) ** 2)  # FWHM 0.066 arcsec on pixels of 0.02
    places = [(x, y) for y in (0, 50, 99) for x in (0, 50, 99)]
    cards = {"OVERSAMP": 4} | {f"DET_YX{number}": str(place) for number, place in enumerate(places)}
    fits.PrimaryHDU(np.array([psf / psf.sum() * 16] * len(places)), fits.Header(cards)).writeto(path)

    def read():
        middle, _ = user_file.load_user_psf(str(path), 0.02, "F200W")
        grid = user_file.load_user_grid(str(path), middle, (100, 100))
        light = np.sum(grid.samples, axis=(1, 2)) if grid else np.ones(1)
        assert light.max() < 4 * light.min()

    return read


FITS_FILES = [
    *(list_of_sources, catalogue_of_galaxies, map_of_density),
    *(map_of_magnification, packed_map_of_magnification, grid_of_psfs),
]


@pytest.mark.parametrize("made", FITS_FILES)
def test_mutated_fits_files_of_other_kinds(tmp_path, made):
    """Read, or one message; in this process, since a run of each would take hours."""
    path = tmp_path / "u.fits"
    read = made(path)
    n_cards = path.read_bytes().rindex(b"END".ljust(80)) // 80

    def mutate(content, rng):
        return mutated_header(content, rng, n_cards) if rng.random() < 0.75 else _changed(content, rng, 20)

    wrong = read_mutated(path, read, mutate, np.random.default_rng([SEED, *made.__name__.encode()]))
    assert wrong == []


def at_own_redshifts(path):
    """A list with redshifts and magnifications: every source is in a chunk that the rules know."""
    field_of = redshifts.group_redshifts(
        redshifts.read_redshifts(path, "key"), field_redshift=0.39, step=0.005
    )
    ids, *_ = user_tables.read_positions(path, "key")
    dealt = chunks.deal(ids, 2, field_of)
    assert sorted(name for names in dealt.values() for name in names) == sorted(ids)
    assert all(re.fullmatch(chunks.NAME, chunk) for chunk in dealt)
    magnification.magnify({"value": 3.0}, magnification.read_listed(path, "key"), ids)


def factors_of_mosaics(path):
    """A table of factors of the calibration."""
    rows = calibration.read_factors(path, "key")
    for filt in ("F150W", "F200W"):
        assert 0.1 <= calibration.factor_of(rows, filt, module="A", context="jwst_1.pmap", where=path) <= 10


def published_values(path):
    """Values to compare with, for sources of another list."""
    entry = {"table": path, "age_yr": "age", "log_mass": "mass", "log_metallicity": "z"}
    ours = Path(path).with_name("ours.csv")
    ours.write_text("id\na\nb\nc\n")
    published.check_columns(entry, str(ours), "my.yaml")
    found = published.read_published(entry, str(ours), ["a", "b", "c"])
    assert not any(np.isinf(10.0**values).any() for values in found.values())


USER_TABLES = {
    at_own_redshifts: "id,ra,dec,redshift,magnification,magnification_err\n"
    "a,1,1,0.39,5,0.5\nb,1,1.1,1.2,3,\nc,1,1.2,,,\n",
    factors_of_mosaics: "filter,module,context,factor\n"
    "F150W,A,jwst_1.pmap,1.02\nF150W,B,,0.99\nF200W,,,1.01\n",
    published_values: "id,age,mass,z\na,3.1e9,6.1,-0.5\nb,2.2e9,5.4,-1\nc,,4.2,\n",
}


@pytest.mark.parametrize("reader", USER_TABLES)
def test_mutated_tables_of_other_kinds(tmp_path, reader):
    """Read, or one message; in this process."""
    path = tmp_path / "u.csv"
    path.write_text(USER_TABLES[reader])

    def read():
        user_tables._read_cells.cache_clear()  # files of one nanosecond
        reader(str(path))

    wrong = read_mutated(path, read, mutated, np.random.default_rng([SEED, *reader.__name__.encode()]))
    assert wrong == []


def read_mutated(path, read, mutate, rng):
    """What is wrong with reading a file that was mutated in many ways."""
    whole, wrong = path.read_bytes(), []
    read()
    for turn in range(number(400)):
        path.write_bytes(mutate(whole, rng))
        began = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of astropy about cards
                read()
        except UserError:
            pass
        except Exception as exc:
            wrong.append(f"{turn}: {type(exc).__name__}: {exc}")
        if time.monotonic() - began > HANG_S:
            wrong.append(f"{turn}: {time.monotonic() - began:.0f} s")
    return wrong


HOSTILE = [
    "<img src=x onerror=\"window.pwned='img'\">",
    "\"><svg onload=\"window.pwned='svg'\">",
    "</script><script>window.pwned='script'</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.pwned='link'",
    "__proto__",
    "=HYPERLINK(\"javascript:1\")",
]  # fmt: skip
"""Ids, notes and names of columns with what browsers, templates and spreadsheets would run."""
ODD_ELEMENTS = "img[src='x'], svg[onload], iframe, object, embed, [onerror], [onload], a[href^='javascript']"


PAGES = {"index.html", "reproduction.html", "*/index.html", "*/clusters.html", "*/origins.html"}
"""Of the report, by their places below its folder; what is written elsewhere is `STANDALONE`."""
STANDALONE = {"reproduction.html"}


def with_hostile_words(path, name):
    """Rows of a list of sources under another name: other ids, a column more, its name among the words."""
    with open(path, encoding="utf-8", newline="") as stream:
        head, *rows = list(csv.reader(stream))
    path.unlink()
    words = [*HOSTILE, *(row[0] for row in rows[len(HOSTILE) :])]
    with open(path.with_name(name), "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*head, "<b onclick=window.pwned='column'>"])
        writer.writerows([word, *rows[number % len(rows)][1:], word] for number, word in enumerate(words))


HOSTILE_FILE = "<img src=x onerror=\"window.pwned='file'\">.csv"


@pytest.mark.parametrize("kind", ["photometry", "mosaics"])
def test_hostile_words_in_every_page(snakemake, workdir, drawn_field, opened, kind):
    """In Chromium, of a field of either kind: nothing runs, no element comes of a word.

    The page of candidates has the same test, of unit/detect.
    """
    config = workdir / "small.yaml" if kind == "photometry" else drawn_field.copy(workdir / "x") / "my.yaml"
    cwd, listed = config.parent, "small.csv" if kind == "photometry" else "sources.csv"
    with_hostile_words(cwd / listed, HOSTILE_FILE)
    config.write_text(config.read_text().replace(f" {listed}", f" {json.dumps(HOSTILE_FILE)}"))
    run = snakemake("--configfile", config.name, "--", "report", cwd=cwd, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    results = cwd / "results"
    pages = sorted(results.rglob("*.html"))
    places = {
        re.sub("^(small|mine)/", "*/", str(path.relative_to(results / "report")))
        for path in pages
        if "report" in path.parts
    }
    assert places == PAGES
    assert {path.name for path in pages if "report" not in path.parts} == STANDALONE
    for path in pages:
        page = opened(results / "report", os.path.relpath(path, results / "report"))
        page.evaluate("new Promise((resolve) => setTimeout(resolve, 200))")
        assert page.evaluate("window.pwned ?? null") is None, path
        assert page.evaluate(f'document.querySelectorAll("{ODD_ELEMENTS}").length') == 0, path
        assert page.complaints == [], path
    origins = next(path for path in pages if path.name == "origins.html").read_text(encoding="utf-8")
    assert html.escape(HOSTILE_FILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in origins
