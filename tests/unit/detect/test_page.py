"""The candidates page in a real browser: keys, undo, filter, export and import, by a script at the page's end."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from clusterphot.detect import page
from gaussian_bands import make_band

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TEMPLATE = Path(__file__).resolve().parents[3] / "resources" / "pages" / "candidates.html"
NAMES = ["plain", 'a,"b"', "</script>", "bad"]
"""Ids with what CSV and HTML stumble over; the last one was rejected automatically."""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def text():
    """The page of four candidates."""
    band = make_band(np.random.default_rng(0).normal(size=(120, 120)), name="F200W", ivar=1.0)
    x, y = np.array([30.0, 60.0, 62.0, 90.0]), np.array([30.0, 60.0, 61.0, 90.0])
    ra, dec = band.mosaic.wcs.all_pix2world(x, y, 0)
    table = Table({"id": NAMES, "ra": ra, "dec": dec, "mag": [27.0, 28.0, 29.0, 26.0]})
    for name in ("snr", "point_likeness", "size", "size_err", "elongation_sigma", "surface_brightness"):
        table[name] = np.ones(4)
    table["flux_F200W"], table["flux_err_F200W"] = np.full(4, 20.0), np.ones(4)
    table["selected"], table["reason"] = [True, True, True, False], ["", "", "", "extended"]
    table["p_cluster"] = [0.9, 0.8, np.nan, np.nan]
    return page.candidate_page(
        TEMPLATE.read_text(encoding="utf-8"), table, [band.mosaic], "F200W", field="mine"
    )


def run(text, script, folder):
    """What a script that runs at the end of the page leaves in the element ``answer``."""
    (folder / "page.html").write_text(
        text.replace(
            "</body>",
            "<script>const press = (key) => document.dispatchEvent(new KeyboardEvent('keydown', {key}));\n"
            f"const answer = (() => {{ {script} }})();\n"
            "const out = document.createElement('pre'); out.id = 'answer';\n"
            "out.textContent = encodeURIComponent(JSON.stringify(answer)); document.body.append(out);</script></body>",
        ),
        encoding="utf-8",
    )
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=2000", "--dump-dom", (folder / "page.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    from urllib.parse import unquote

    return json.loads(unquote(found[1]))


def test_keys_decide_undo_and_export(text, tmp_path):
    """Accept, reject, undo the rejection, skip instead, accept the last: a source list of two."""
    script = """
      press("a"); press("r"); press("u"); press(" "); press("a");
      return {decisions: state.decisions, list: sourceList(state), log: decisionList(state),
              progress: element("progress").textContent};"""
    got = run(text, script, tmp_path)
    assert got["decisions"] == {"plain": "accept", 'a,"b"': "skip", "</script>": "accept"}
    lines = got["list"].strip().split("\n")
    assert lines[0] == "id,ra,dec,p_cluster" and len(lines) == 3
    assert lines[1].startswith("plain,") and lines[1].endswith(",0.900")
    assert lines[2].startswith("</script>,") and lines[2].endswith(",")
    assert '"a,""b""",' in got["log"] and ",skip," in got["log"]
    assert got["progress"] == "3 of 3 decided, 2 accepted"


def test_the_exported_list_is_one_that_the_configuration_can_name(text, tmp_path):
    from clusterphot.base.user_tables import read_positions

    got = run(text, 'press("a"); press("a"); press("a"); return sourceList(state);', tmp_path)
    (tmp_path / "mine.csv").write_text(got)
    ids, ra, dec = read_positions(str(tmp_path / "mine.csv"), "fields.mine.sources")
    assert ids == NAMES[:3] and np.isfinite(ra).all() and np.isfinite(dec).all()


def test_filter_shows_what_is_left_and_moves_on(text, tmp_path):
    script = """
      state.filter = "open"; draw(); const names = [element("name").textContent];
      press("a"); names.push(element("name").textContent);
      press("r"); names.push(element("name").textContent);
      press("a"); names.push(element("name").textContent);
      state.filter = "reject"; draw(); names.push(element("name").textContent);
      return names;"""
    assert run(text, script, tmp_path) == [*NAMES[:3], "none to show", 'a,"b"']


def test_decisions_come_back_from_a_file_and_can_be_undone(text, tmp_path):
    script = """
      press("a"); press("r"); press("n"); const log = decisionList(state);
      state = emptyState(); press("r");
      const said = importDecisions(state, log + "stranger,1,2,accept,\\n");
      const after = {...state.decisions};
      press("u"); const back = {...state.decisions};
      const list = importDecisions(state, "id,ra,dec\\nbad,1,2\\n");
      return {said, after, back, list, bad: state.decisions.bad, none: importDecisions(state, "name\\nx\\n")};"""
    got = run(text, script, tmp_path)
    assert got["said"].startswith("3 decisions imported; 1 rows left out")
    assert got["after"] == {"plain": "accept", 'a,"b"': "reject", "</script>": "skip"}
    assert got["back"] == {"plain": "reject"}
    assert got["list"] == "1 decisions imported." and got["bad"] == "accept"
    assert "no column id" in got["none"]


def test_the_likely_ones_are_accepted_at_once(text, tmp_path):
    """Undecided ones of p > 0.5, selected and not; one decision stays, and one undo takes all back."""
    script = """press('r'); document.getElementById('likely').click();
      const after = byId(state.decisions), said = document.getElementById('note').textContent;
      press('u'); return {after, said, back: byId(state.decisions),
        fact: document.getElementById('facts').textContent.startsWith('position')};"""
    found = run(text, script, tmp_path)
    first, second = NAMES[:2]
    assert found["after"] == {first: "reject", second: "accept"}
    assert found["said"].startswith("1 accepted") and found["back"] == {first: "reject"} and found["fact"]


def test_decisions_stay_in_the_browser(text, tmp_path):
    kept = run(
        text,
        'press("a"); try { return localStorage.getItem(key); } catch (e) { return "refused"; }',
        tmp_path,
    )
    assert kept == "refused" or json.loads(kept)["decisions"] == {"plain": "accept"}


HOSTILE = [
    "<img src=x onerror=\"window.pwned='img'\">",
    "\"><svg onload=\"window.pwned='svg'\">",
    "</script><script>window.pwned='script'</script>",
    "${window.pwned='template'}",
    "{{DATA}}",
    "<!--<script>",
    "javascript:window.pwned='link'",
    "'-alert(1)-'",
    "__proto__",
    "constructor",
    "=HYPERLINK(\"javascript:1\")",
    "\u2028\u2029\x00",
]  # fmt: skip
"""Ids and reasons with what browsers, templates and spreadsheets would run."""


def test_hostile_ids_are_text(tmp_path):
    """Every candidate is looked at, decided, filtered and exported: nothing runs, no element comes of an id."""
    band = make_band(np.random.default_rng(0).normal(size=(120, 120)), name="F200W", ivar=1.0)
    n = len(HOSTILE)
    ra, dec = band.mosaic.wcs.all_pix2world(np.linspace(20.0, 100.0, n), np.linspace(20.0, 100.0, n), 0)
    table = Table({"id": HOSTILE, "ra": ra, "dec": dec, "mag": np.linspace(26.0, 28.0, n)})
    for name in ("snr", "point_likeness", "size", "size_err", "elongation_sigma", "surface_brightness"):
        table[name] = np.ones(n)
    table["flux_F200W"], table["flux_err_F200W"] = np.full(n, 20.0), np.ones(n)
    table["selected"], table["reason"] = np.ones(n, dtype=bool), HOSTILE[::-1]
    table["p_cluster"] = np.full(n, 0.5)
    template = TEMPLATE.read_text(encoding="utf-8")
    made = page.candidate_page(template, table, [band.mosaic], "F200W", field="mine")
    script = (
        "const shown = [];"
        f"for (let i = 0; i < {n}; i++) {{ shown.push(document.body.innerText); press('a'); }}"
        "const odd = 'img[src=x], svg[onload], iframe, object, embed, [onerror], a[href^=javascript]';"
        "return {pwned: window.pwned ?? null, odd: document.querySelectorAll(odd).length,"
        " scripts: document.scripts.length, accepted: accepted(state).length, shown: shown.join('\\n')};"
    )
    seen = run(made, script, tmp_path)
    assert seen["pwned"] is None
    assert seen["odd"] == 0
    assert seen["scripts"] == template.count("<script") + 1  # that of the test
    assert seen["accepted"] == n
    assert all(name in seen["shown"] for name in HOSTILE[:3])
