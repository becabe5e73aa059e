"""The report of a field of images in two chunks and of fields given by photometry: files, links, and in a browser."""

import json
import re
import shutil
import zipfile
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
from clusterphot.base.tables import read_table
from clusterphot.base.user_tables import read_positions
from running import CONFIGS, copy_run

SELFTEST = Path(__file__).resolve().parents[1] / "report" / "selftest.js"
ONLY_REPORT = {"draw_sky", "collect_cards", "write_field_report", "write_report"}


@pytest.fixture(scope="module")
def reported(imaged, snakemake, tmp_path_factory):
    """The run of images with its report; attributes ``cwd``, ``repo``, ``report`` (folder) and ``run``."""
    cwd = copy_run(imaged.cwd, tmp_path_factory.mktemp("reported") / "work")
    files = ("--configfile", "my.yaml", "more.yaml")
    run = snakemake(*files, "--", "report", cwd=cwd, repo=imaged.repo, cores=2)
    assert run.status == 0, run.stdout + run.stderr
    return SimpleNamespace(cwd=cwd, repo=imaged.repo, report=cwd / "results" / "report", run=run, files=files)


def given(path):
    """Value that a script of data hands to its page."""
    text = path.read_text(encoding="utf-8")
    name, value = re.fullmatch(r'CLUSTERPHOT\.give\("([^"]+)",(.*)\);\n', text, re.S).groups()
    assert name == path.stem
    return json.loads(value)


def test_pages_and_their_links(reported):
    """Every address in a page is a file beside it, with the anchor it names; none is on another host."""
    pages = {path: path.read_text(encoding="utf-8") for path in reported.report.rglob("*.html")}
    assert {path.relative_to(reported.report).as_posix() for path in pages} == {
        "index.html", "reproduction.html", "mine/index.html", "mine/clusters.html", "mine/origins.html",
        "mine/proof.html",
    }  # fmt: skip
    for path, text in pages.items():
        if path.name == "reproduction.html":  # cites by address
            continue
        for address in re.findall(r'(?:href|src)="([^"]*)"', text):
            place, _, anchor = unescape(address).partition("#")
            if place.startswith("data:"):
                continue
            target = (path.parent / unquote(place)).resolve() if place else path
            assert target.is_file(), (path, address)
            if anchor.startswith("s="):  # a search of the table of clusters
                assert target.name == "clusters.html", (path, address)
            elif anchor and target.suffix == ".html":
                assert f'id="{anchor}"' in pages[target], (path, address)


def test_nothing_is_fetched(reported):
    """No page or script fetches, and no address is on another host; the namespace of SVG is a name."""
    for path in reported.report.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(|@import|WebSocket", text), path
            if path.parent.name != "data" and path.name != "reproduction.html":
                page = re.sub(
                    r"<pre>.*?</pre>", "", text, flags=re.S
                )  # configuration and metadata may hold some
                assert not re.search(r"https?://", page), path


def test_table_of_all_sources(reported, imaged):
    table = given(reported.report / "mine" / "data" / "table.js")
    photometry = read_table(reported.cwd / "results" / "mine" / "photometry.ecsv")
    names = [column["name"] for column in table["columns"]]
    assert len(set(names)) == len(names)
    rows = table["rows"]
    assert [row[0] for row in rows] == [str(name) for name in photometry["id"]]
    flux = [row[names.index("flux_F200W")] for row in rows]
    for got, wanted in zip(flux, np.ma.filled(photometry["flux_F200W"], np.nan), strict=True):
        assert got is None if wanted != wanted else got == pytest.approx(wanted, rel=1e-5)
    for column in table["columns"]:
        assert column["origin"], column["name"]
        assert column["description"] or column["group"] == "source list", column["name"]


def test_cards_hold_every_source(reported):
    """Two chunks make one page of cards in the order of the list; a source outside the image has a card too."""
    data = reported.report / "mine" / "data"
    cards, table, field = (given(data / f"{name}.js") for name in ("cards-000", "table", "field"))
    assert len(cards) == len(table["rows"]) == len(field["neighbours"])
    outside = [row[0] for row in table["rows"]].index("outside")
    assert cards[outside]["stamps"]["missing"] == field["filters"]
    assert cards[outside]["best"] == [None, None]
    assert cards[outside]["map"] is None
    first = cards[0]
    assert first["stamps"]["sizes"] == [41, 41]  # 0.8" at 0.02" per pixel
    assert first["stamps"]["marks"][0][0][0] == table["rows"][0][0]


def test_where_numbers_come_from(reported):
    """Rules, parameters, digests of code, checksums and versions of the tables are on the page of origins."""
    page = unescape((reported.report / "mine" / "origins.html").read_text(encoding="utf-8"))
    for name in ("photometry.ecsv", "sed/bc03/clusters.ecsv"):
        meta = read_table(reported.cwd / "results" / "mine" / name).meta
        assert meta["rule"] in page
        assert meta["parameters"]["code"] in page
        assert meta["rows_from"]["parameters"]["code"] in page
        for checksum in meta.get("checksums", {}).values():
            assert checksum in page
        assert f"astropy {meta['versions']['astropy']}" in page
    assert "build_psf" in page
    config = (reported.report / "index.html").read_text(encoding="utf-8")
    assert "cutout_size_arcsec: 0.8" in config
    assert "collect_cards" in config  # in the figure of run times


def test_nothing_to_do_twice_and_what_an_edit_reruns(reported, snakemake):
    """A second run has nothing to do; the configuration is printed, so its edit rewrites the first page alone."""
    plan = snakemake.plan(*reported.files, "--", "report", cwd=reported.cwd, repo=reported.repo)
    assert plan.every_job == {}
    (reported.cwd / "again.yaml").write_text("forecast: {seed: 5}\n")
    again = (*reported.files, "again.yaml", "--", "report")
    assert set(snakemake.plan(*again, cwd=reported.cwd, repo=reported.repo).every_job) == {
        "write_report",
        "report",
    }
    (reported.cwd / "again.yaml").write_text("dust: {r_v: 3.2}\n")
    jobs = snakemake.plan(*again, cwd=reported.cwd, repo=reported.repo).every_job
    assert jobs["collect_cards"] == 2
    assert "draw_sky" not in jobs


def test_an_edited_template_rewrites_pages_only(imaged, reported, snakemake):
    path = imaged.repo / "workflow" / "scripts" / "clusterphot" / "report" / "templates" / "report.css"
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"/* edited */\n")
        plan = snakemake.plan(*reported.files, "--", "report", cwd=reported.cwd, repo=reported.repo)
    finally:
        path.write_bytes(content)
    assert set(plan.every_job) == {"write_field_report", "write_report", "report"}


def test_report_of_snakemake(reported, snakemake):
    """Snakemake's own report holds the figures and tables, each with labels and a caption, and asks no other host."""
    run = snakemake(
        *reported.files, "--report", "report.zip", "--", "report", cwd=reported.cwd, repo=reported.repo
    )
    assert run.status == 0, run.stdout + run.stderr
    with zipfile.ZipFile(reported.cwd / "report.zip") as archive:
        page = archive.read("report/report.html").decode("utf-8")
        images = {Path(name).name for name in archive.namelist() if name.endswith(".png")}
    assert images >= {"overview.png", "stacks.png", "psf_F150W.png", "psf_F200W.png", "chi2_map_bc03.png"}
    decoder = json.JSONDecoder()
    for path in (reported.cwd / "results" / "mine" / "figures").glob("*.png"):
        start = page.index(f'"results/mine/figures/{path.name}": {{')
        entry, _ = decoder.raw_decode(page, page.index("{", start))
        assert entry["labels"] and re.search(r"\w{3,} \w+", entry["caption"]), path.name
    assert not re.search(r'(?:src|href)="https?:', page)


# ---- in a browser


def check_clusters(page):
    """Sorting, filtering, keys, marks and export, checked in the page itself; see tests/report/selftest.js."""
    page.evaluate(SELFTEST.read_text(encoding="utf-8"))
    outcome = page.evaluate("document.getElementById('selftest').textContent").splitlines()
    assert len(outcome) > 20
    assert [line for line in outcome if not line.startswith("ok ")] == []
    assert page.complaints == []


def test_sort_search_cards_marks_and_export(reported, opened):
    """What is exported after all were marked is read back by the workflow: ids and positions as given."""
    page = opened(reported.report / "mine")
    check_clusters(page)
    path = reported.cwd / "marked.csv"
    path.write_text(page.evaluate("CLUSTERPHOT.app.marksCsv()"), encoding="utf-8")
    ids, ra, dec = read_positions(str(path), "test")
    listed, ra_listed, dec_listed = read_positions(str(reported.cwd / "sources.csv"), "test")
    assert ids == listed
    assert ra == pytest.approx(ra_listed, abs=1e-8)
    assert dec == pytest.approx(dec_listed, abs=1e-8)


@pytest.mark.parametrize(
    "name",
    ["../index.html", "../reproduction.html", "index.html", "clusters.html", "origins.html", "proof.html"],
)
def test_pages_open_quickly_without_complaint(reported, opened, name):
    """No console message; loaded within 3 s by the clock; only files beside the page; circles lead to cards."""
    page = opened(reported.report / "mine", name)
    assert page.complaints == []
    assert 0 < page.load_ms < 3000
    assert page.wall_s < 3
    assert all(url.startswith("file:///") for url in page.requests)
    if name == "index.html":
        links = page.evaluate(
            "[...document.querySelectorAll('#sky-box a')].map((a) => [a.getAttribute('href'), a.dataset.id])"
        )
        assert len(links) > 20
        assert all(unquote(address) == f"clusters.html#c={name}" for address, name in links)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_narrow_page_does_not_overflow(reported, opened, dark):
    """At 400 px nothing but what scrolls by itself is wider than the page; the dark page is dark."""
    for name in (
        "../index.html",
        "index.html",
        "clusters.html",
        "clusters.html#c=SC_010",
        "origins.html",
        "proof.html",
    ):
        page = opened(reported.report / "mine", name, size=(400, 800), dark=dark)
        if "#" in name:
            page.wait_until("document.querySelector('#card[data-ready]')")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, name
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", color)[:3])) < 80) == dark


def test_configurations_are_still_planned(snakemake, tmp_path):
    """The target `report` alone plans all it needs."""
    cwd = shutil.copytree(CONFIGS, tmp_path / "work")
    jobs = snakemake.plan("--configfile", "two_fields.yaml", "--", "report", cwd=cwd).every_job
    assert jobs["write_field_report"] == 2
    assert {"fit_sed", "collect_cards", "plot_masses", "check_posteriors"} <= set(jobs)
