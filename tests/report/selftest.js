/* Checks of the page of clusters, run in the page by tests/workflow/test_report.py; the outcome goes to the document. */
"use strict";

(async () => {
  const results = [];
  const check = (name, passed, detail = "") => results.push(`${passed ? "ok" : "FAILED"} ${name} ${String(detail).replaceAll("\n", " | ")}`.trim());
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const until = async (test) => { for (let k = 0; k < 100 && !test(); k += 1) await wait(20); return test(); };
  const { app, data } = CLUSTERPHOT;
  const { table, field } = data;
  const shown = () => [...document.querySelectorAll("#rows tbody tr")].map((row) => row.dataset.id);
  const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const column = (name) => table.columns.findIndex((c) => c.name === name);
  const search = async (text) => { const box = document.getElementById("search"); box.value = text; box.dispatchEvent(new Event("input")); await wait(10); };
  try {
    localStorage.clear();
    app.marks.replace([]);
    location.hash = "";
    await wait(50);
    const ids = table.rows.map((row) => row[0]);
    check("all rows at first", JSON.stringify(shown()) === JSON.stringify(ids.slice(0, 100)));

    const header = document.querySelector(`th[data-column="mag_${field.reference}"]`);
    header.click();
    await wait(10);
    const mag = column(`mag_${field.reference}`);
    const values = app.state.order.map((k) => table.rows[k][mag]);
    const known = values.filter((v) => v !== null);
    check("ascending", known.every((v, k) => !k || known[k - 1] <= v) && known.length > 3);
    check("missing values last", values.slice(known.length).every((v) => v === null));
    check("aria-sort", document.querySelector(`th[data-column="mag_${field.reference}"]`).getAttribute("aria-sort") === "ascending");
    document.querySelector(`th[data-column="mag_${field.reference}"]`).click();
    await wait(10);
    const down = app.state.order.map((k) => table.rows[k][mag]);
    check("descending, missing still last", JSON.stringify(down.filter((v) => v !== null)) === JSON.stringify([...known].reverse()) && down.slice(known.length).every((v) => v === null));
    document.querySelector(`th[data-column="mag_${field.reference}"]`).click();
    await wait(10);
    check("third click restores the list", JSON.stringify(app.state.order) === JSON.stringify(ids.map((_, k) => k)));

    const middle = [...known].sort((a, b) => a - b)[Math.floor(known.length / 2)];
    await search(`mag_${field.reference}<${middle}`);
    check("condition", shown().length === known.filter((v) => v < middle).length, shown().length);
    await search(`mag_${field.reference}<${middle} mag_${field.reference}>=${known.reduce((a, b) => Math.min(a, b))}`);
    check("two conditions", shown().length === known.filter((v) => v < middle).length);
    await search(`"${ids[3]}"`);
    check("words", shown().includes(ids[3]) && shown().length < ids.length);
    await search("no such source");
    check("nothing found", shown().length === 0 && document.getElementById("count").textContent.startsWith("0 of"));
    const note = () => document.getElementById("note").textContent;
    check("nothing found is said", note().startsWith("No source fits"), note());
    const age = column("age_gyr_p50") < 0 ? column("age_gyr") : column("age_gyr_p50");
    const young = table.rows.filter((row) => row[age] !== null && row[age] < 3).length;
    await search("age < 3");
    check("a condition on a heading, with spaces", app.state.order.length === young, `${app.state.order.length} ${young}`);
    await search("Age<3 use=no");
    const dropped = table.rows.filter((row) => row[age] !== null && row[age] < 3 && row[column("use")] === "no").length;
    check("two conditions on headings", app.state.order.length === dropped);
    await search("nonsense<3");
    check("an unknown column is named", note().includes("nonsense"), note());
    const placed = table.rows.find((row) => row[column("ra")] !== null);
    await search(`${placed[column("ra")].toFixed(6)} ${placed[column("dec")].toFixed(6)}`);
    check("a position finds its source", shown().includes(placed[0]) && note().includes("nearest"), note());
    await search("");
    const which = document.getElementById("which");
    which.value = "flagged";
    which.dispatchEvent(new Event("change"));
    await wait(10);
    const flags = column("flags");
    check("flagged rows", shown().length === table.rows.filter((row) => row[flags] > 0).length, shown().length);
    which.value = "all";
    which.dispatchEvent(new Event("change"));

    if (field.sky) {
      document.getElementById("pictures").click();
      const tiles = () => [...document.querySelectorAll(".tile")];
      check("pictures of the rows", await until(() => document.querySelectorAll(".tile canvas, .tile .none").length === tiles().length) && tiles().length === Math.min(ids.length, 100), tiles().length);
      document.getElementById("pictures").click();
    }

    location.hash = `c=${encodeURIComponent(ids[0])}`;
    const ready = () => { const card = document.querySelector("#card[data-ready]"); return card ? card.dataset.id : null; };
    check("card opens", await until(() => ready() === ids[0]));
    const bad = [];
    for (const id of ids.slice(0, 60)) {
      if (!(await until(() => ready() === id))) { bad.push(id); break; }
      const hole = /.{0,30}(undefined|\[object|="[^"]*\bNaN).{0,20}/.exec(document.querySelector("#card").innerHTML);
      if (hole) bad.push(`${id}: ${hole[0]}`);
      press("n");
    }
    check("n goes through the cards in order, none with holes", bad.length === 0, bad.join(" | "));
    press("t");
    await until(() => document.querySelector("#rows"));
    app.sortBy("id");
    location.hash = `c=${encodeURIComponent(table.rows[app.state.order[1]][0])}`;
    await until(() => ready() === table.rows[app.state.order[1]][0]);
    press("ArrowLeft");
    check("previous follows the order of the table", await until(() => ready() === table.rows[app.state.order[0]][0]));
    check("no previous before the first", document.getElementById("previous").disabled);
    if (field.sky) {
      const grid = document.querySelector(".stamps");
      check("stamps are drawn", await until(() => Number(grid.dataset.drawn) > 0), grid.dataset.drawn);
      const pixels = [...document.querySelectorAll(".stamp canvas")].map((c) => new Set(c.getContext("2d").getImageData(0, 0, c.width, c.height).data).size);
      check("stamps hold an image", pixels.every((n) => n > 2), pixels.join(" "));
    }
    check("spectral energy distribution", document.querySelectorAll("svg.chart .point").length > 0);
    press("m");
    check("m marks", document.getElementById("mark").getAttribute("aria-pressed") === "true" && app.marks.size === 1);
    press("n");
    await until(() => ready() === table.rows[app.state.order[1]][0]);
    press("m");
    const marked = [table.rows[app.state.order[0]][0], table.rows[app.state.order[1]][0]];
    press("Escape");
    await until(() => document.querySelector("#rows"));
    check("export is possible", !document.getElementById("export-marks").disabled);
    const text = app.marksCsv();
    const rows = CLUSTERPHOT.parseCsv(text);
    check("exported marks", JSON.stringify(rows[0]) === '["id","ra","dec"]' && rows.length === 3 && rows.slice(1).every((row) => marked.includes(row[0]) && row[1] !== "" && row[2] !== ""), text);
    app.marks.replace([]);
    check("marks come back from the file", app.importMarks(text) === 2 && marked.every((id) => app.marks.has(id)));
    app.marks.replace(ids);
    const round = CLUSTERPHOT.parseCsv(app.marksCsv()).slice(1).map((row) => row[0]);
    check("every id survives the round trip", JSON.stringify(round) === JSON.stringify(ids));
    const all = CLUSTERPHOT.parseCsv(app.tableCsv());
    check("table as CSV", all.length === ids.length + 1 && all.every((row) => row.length === table.columns.length));
    document.getElementById("columns").click();
    const boxes = document.querySelectorAll("dialog input[type=checkbox]");
    check("all columns can be chosen", boxes.length === table.columns.length - 1);
    boxes[boxes.length - 1].click();
    check("a chosen column is shown", document.querySelectorAll("#rows thead th").length === app.state.shown.length);
    document.querySelector("dialog").close();
    document.getElementById("download").click();
    check("download runs", true);
    window.EXPORTED = text;
  } catch (error) {
    check("no exception", false, `${error.stack}`);
  }
  const pre = document.createElement("pre");
  pre.id = "selftest";
  pre.textContent = results.join("\n");
  document.body.append(pre);
  const out = document.createElement("pre");
  out.id = "exported";
  out.textContent = CLUSTERPHOT.app.marksCsv();
  document.body.append(out);
  const time = document.createElement("pre");
  time.id = "opened";
  time.textContent = String(Math.round(performance.getEntriesByType("navigation")[0].loadEventEnd));
  document.body.append(time);
})();
