/* The table of all sources and the way through their cards: sort, filter, search, mark, export; keys. */
"use strict";

(() => {
  const { h, show, fixed, data, csv, card } = CLUSTERPHOT;
  const { field, table } = data;
  const app = document.getElementById("app");
  const PER_PAGE = 100;
  const marks = CLUSTERPHOT.makeMarks(field.name);
  const columnOf = {};
  table.columns.forEach((column, k) => { columnOf[column.name] = k; });
  const state = {
    columnOf, order: table.rows.map((_, k) => k), page: 0, sort: null, down: false, search: "", which: "all",
    shown: table.columns.filter((c) => c.shown).map((c) => c.name), current: null, notes: [], pictures: false,
  };
  const rowOf = new Map(table.rows.map((row, k) => [row[0], k]));
  const texts = table.columns.map((c, k) => (c.text ? k : -1)).filter((k) => k >= 0);

  /** Text of a row that plain words of the search are looked for in: id, carried texts, names of flags. */
  const words = table.rows.map((row) => texts.map((k) => row[k]).concat(card.flagsOf(row[columnOf.flags]).map((f) => f[1])).join(" ").toLowerCase());

  const tests = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "=": (a, b) => a === b, "!=": (a, b) => a !== b };

  /** Columns by what a reader may call them: name, heading as shown, and the same without spaces; shown ones first. */
  const called = {};
  for (const shownFirst of [true, false]) {
    table.columns.forEach((column, k) => {
      if (column.shown !== shownFirst) return;
      for (const name of [column.label, column.label.replaceAll(" ", "")]) called[name.toLowerCase()] ??= k;
    });
  }
  table.columns.forEach((column, k) => { called[column.name.toLowerCase()] = k; });
  Object.entries({ chi2: "χ²", mag: `mag_${field.reference}`, snr: `snr_${field.reference}`, mass: "log_mass_p50", metallicity: "metallicity_zsun_p50" })
    .forEach(([name, other]) => { if (other in called) called[name] ??= called[other]; });
  const quote = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const known = Object.keys(called).sort((a, b) => b.length - a.length).map(quote).join("|");
  const CONDITION = new RegExp(`(^|\\s)(${known})\\s*(<=|>=|!=|==|=|<|>|≤|≥)\\s*("[^"]*"|\\S+)`, "giu");
  const SIGNS = { "==": "=", "≤": "<=", "≥": ">=" };
  const NEAR_ARCSEC = 2;

  /** Degrees of "110.83 -73.45" or of "07:23:20.4 -73:27:16"; nothing for other texts. */
  function place(text) {
    const plain = text.replaceAll("−", "-").trim();
    let found = /^(\d{1,3}\.\d{2,})[\s,]+([+-]?\d{1,2}\.\d{2,})$/.exec(plain);
    if (found) return [Number(found[1]), Number(found[2])];
    found = /^(\d{1,2})[:h ](\d{1,2})[:m ](\d{1,2}(?:\.\d+)?)s?[\s,]+([+-]?)(\d{1,2})[:d ](\d{1,2})[:m ](\d{1,2}(?:\.\d+)?)s?$/.exec(plain);
    if (!found) return null;
    const [h1, m1, s1, d2, m2, s2] = [1, 2, 3, 5, 6, 7].map((k) => Number(found[k]));
    return [15 * (h1 + m1 / 60 + s1 / 3600), (found[4] === "-" ? -1 : 1) * (d2 + m2 / 60 + s2 / 3600)];
  }

  /** Conditions of a search: column, sign, value; a position; other words are looked for in texts. Notes say what was not understood. */
  function parse(search) {
    const notes = [], conditions = [];
    const at = place(search);
    if (at && columnOf.ra !== undefined) {
      const arcsec = (row) => Math.hypot((row[columnOf.ra] - at[0]) * Math.cos((at[1] * Math.PI) / 180), row[columnOf.dec] - at[1]) * 3600;
      const nearest = Math.min(...table.rows.filter((row) => row[columnOf.ra] !== null).map(arcsec));
      const reach = Math.max(NEAR_ARCSEC, nearest * 1.0001);
      notes.push(nearest > NEAR_ARCSEC ? `The nearest source is ${fixed(nearest, 1)}″ away.` : `Sources within ${NEAR_ARCSEC}″; the nearest is ${fixed(nearest, 2)}″ away.`);
      return { notes, conditions: [(row) => row[columnOf.ra] !== null && arcsec(row) <= reach] };
    }
    const rest = search.replace(CONDITION, (whole, before, name, sign, value) => {
      const k = called[name.toLowerCase()], column = table.columns[k];
      const plain = value.replaceAll('"', ""), wanted = column.text ? plain : Number(plain.replaceAll("−", "-"));
      if (!column.text && (plain === "" || Number.isNaN(wanted))) { notes.push(`${column.label} is a number; ${value} is none.`); return before; }
      conditions.push((row) => row[k] !== null && tests[SIGNS[sign] || sign](row[k], wanted));
      return before;
    });
    for (const token of rest.match(/"[^"]*"|\S+/g) || []) {
      const sign = /[<>=≤≥]/.exec(token);
      if (sign && !token.startsWith('"')) { notes.push(`“${token}”: no column of this name. Names and headings are under Columns.`); continue; }
      const word = token.replaceAll('"', "").toLowerCase();
      conditions.push((row, n) => words[n].includes(word));
    }
    return { notes, conditions };
  }

  /** Order of the rows after search and sort; rows without a value come last either way. */
  function refresh() {
    const { conditions, notes } = parse(state.search);
    state.notes = notes;
    const chosen = {
      all: () => true, clean: (row) => !row[columnOf.flags], flagged: (row) => row[columnOf.flags] > 0,
      marked: (row) => marks.has(row[0]), unmarked: (row) => !marks.has(row[0]),
    }[state.which];
    const order = [];
    table.rows.forEach((row, k) => { if (chosen(row) && conditions.every((test) => test(row, k))) order.push(k); });
    if (state.sort !== null && state.sort in columnOf) {
      const k = columnOf[state.sort], sign = state.down ? -1 : 1;
      const compare = table.columns[k].text ? (a, b) => a.localeCompare(b, "en", { numeric: true }) : (a, b) => a - b;
      order.sort((a, b) => {
        const u = table.rows[a][k], v = table.rows[b][k];
        if (u === null || v === null) return (u === null) - (v === null) || a - b;
        return sign * compare(u, v) || a - b;
      });
    }
    state.order = order;
    state.page = Math.min(state.page, Math.max(Math.ceil(order.length / PER_PAGE) - 1, 0));
  }

  // ---- table

  const isLeft = (column) => column.text || column.name === "flags" || column.name.startsWith("flags_");
  const isPosition = (column) => column.name === "ra" || column.name === "dec";

  function cell(column, value, row) {
    if (column.name === "id") return h("td", {}, star(row[0]), h("a", { href: `#c=${encodeURIComponent(value)}` }, value));
    if (column.name === "flags" || column.name.startsWith("flags_")) {
      const names = card.flagsOf(value);
      return h("td", { class: value ? "left flagged bits" : "left bits", title: names.map((f) => f[2]).join("; ") }, names.map((f) => f[1]).join(", ") || "–");
    }
    if (column.name === "use") return h("td", { class: `left use-${value}`, title: row[columnOf.why] || "nothing against it" }, value);
    if (column.text) return h("td", { class: "left" }, value);
    const decimals = /^log_mass/.test(column.name) ? 2 : /^metallicity/.test(column.name) ? null : 1;
    const told = (v) => (decimals === null ? show(v, 2) : fixed(v, decimals));
    const [low, high] = ["p16", "p84"].map((q) => row[columnOf[column.name.replace("_p50", `_${q}`)]]);
    if (/^(age_gyr|log_mass)_p50$/.test(column.name) && typeof low === "number" && typeof high === "number") {
      return h("td", {}, told(value), h("small", {}, ` ${told(low)}–${told(high)}`));
    }
    if (column.name === "chi2" && typeof value === "number") return h("td", {}, fixed(value, 1), h("small", {}, ` / ${show(row[columnOf.dof])}`));
    if (isPosition(column)) return h("td", { class: "position" }, fixed(value, 6));
    if (column.name.startsWith("mag_") || column.name.startsWith("log_mass")) return h("td", {}, fixed(value, 2));
    if (column.name.startsWith("snr_") || /^chi2(@|$)/.test(column.name)) return h("td", {}, fixed(value, 1));
    if (/^age_gyr|^p_/.test(column.name)) return h("td", {}, fixed(value, 2));
    return h("td", {}, show(value, /^metallicity_zsun/.test(column.name) ? 2 : 3));
  }

  function star(id) {
    const button = h("button", { class: "star", "aria-pressed": String(marks.has(id)), title: "mark (m)", "aria-label": `mark ${id}`,
      click: () => { marks.toggle(id); button.setAttribute("aria-pressed", String(marks.has(id))); button.textContent = marks.has(id) ? "★" : "☆";
        const line = button.closest("tr"); if (line) line.classList.toggle("marked", marks.has(id)); counts(); } }, marks.has(id) ? "★" : "☆");
    return button;
  }

  function sortBy(name) {
    if (state.sort !== name) { state.sort = name; state.down = false; } else if (!state.down) state.down = true; else { state.sort = null; state.down = false; }
    state.page = 0;
    refresh();
    drawRows();
  }

  const cardsOf = (k) => {
    const page = Math.floor(k / field.cards_per_page);
    return CLUSTERPHOT.load(`cards-${String(page).padStart(3, "0")}`).then((cards) => cards[k - page * field.cards_per_page]);
  };

  /** Cutouts of the rows of this page in the reference filter, to look through at a glance. */
  function drawPictures() {
    const age = columnOf.age_gyr_p50 ?? columnOf.age_gyr;
    const tiles = state.order.slice(state.page * PER_PAGE, (state.page + 1) * PER_PAGE).map((k) => {
      const row = table.rows[k], box = h("div", { class: "stamp" });
      cardsOf(k).then((one) => box.append(card.thumbnail(one, field))).catch(() => box.append(h("div", { class: "none" }, "missing")));
      return h("a", { class: `tile use-${row[columnOf.use]}`, href: `#c=${encodeURIComponent(row[0])}`, title: row[columnOf.why] || "", "data-id": row[0] },
        box, h("span", {}, row[0]), h("small", {}, row[age] === null ? "–" : `${fixed(row[age], 1)} Gyr`));
    });
    document.getElementById("rows").replaceChildren(h("div", { class: "tiles" }, tiles));
    counts();
  }

  function drawRows() {
    if (state.pictures) { drawPictures(); return; }
    const columns = state.shown.filter((name) => name in columnOf).map((name) => table.columns[columnOf[name]]);
    const first = state.page * PER_PAGE;
    const head = h("tr", {}, columns.map((column) => {
      const order = state.sort === column.name ? (state.down ? "descending" : "ascending") : null;
      return h("th", { tabindex: 0, scope: "col", class: column.name === "flags" ? "left bits" : isLeft(column) ? "left" : isPosition(column) ? "position" : null, "data-column": column.name, "aria-sort": order, title: `${column.name}: ${column.description}`, click: () => sortBy(column.name),
        keydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sortBy(column.name); } } },
      column.label, h("small", {}, column.unit || " ", " ", h("a", { href: `origins.html#${column.origin}`, title: "where from", "aria-label": `where ${column.name} comes from`, click: (event) => event.stopPropagation() }, "◦")));
    }));
    const body = state.order.slice(first, first + PER_PAGE).map((k) => {
      const row = table.rows[k];
      return h("tr", { "data-id": row[0], class: marks.has(row[0]) ? "marked" : "" }, columns.map((column) => cell(column, row[columnOf[column.name]], row)));
    });
    document.getElementById("rows").replaceChildren(h("table", {}, h("thead", {}, head), h("tbody", {}, body)));
    counts();
  }

  function counts() {
    const pages = Math.max(Math.ceil(state.order.length / PER_PAGE), 1);
    const set = (id, text) => { const node = document.getElementById(id); if (node) node.textContent = text; };
    set("count", `${state.order.length} of ${table.rows.length} sources`);
    set("page", `${state.page + 1} / ${pages}`);
    set("n-marked", `${marks.size} marked`);
    set("note", state.notes.join(" ") || (state.order.length ? "" : "No source fits. Conditions are column, sign, value: age<3 log M>6.5 P(cluster)>0.9 use=yes; a position is “110.83 -73.45”."));
    const enable = (id, on) => { const node = document.getElementById(id); if (node) node.disabled = !on; };
    enable("previous-page", state.page > 0);
    enable("next-page", state.page < pages - 1);
    enable("export-marks", marks.size > 0);
  }

  const move = (step) => { state.page += step; drawRows(); document.getElementById("rows").scrollTop = 0; };

  /** The search in the address of the page, which can be sent to somebody. */
  function remember() {
    try { history.replaceState(null, "", state.search ? `#s=${encodeURIComponent(state.search)}` : "#"); } catch (error) { /* not for pages opened from disk in all browsers */ }
  }

  /** Position of a card, to be copied by a click. */
  function position(row) {
    const text = `${fixed(row[columnOf.ra], 6)} ${fixed(row[columnOf.dec], 6)}`;
    const button = h("button", { class: "bare mono", title: "copy the position", click: () => {
      navigator.clipboard.writeText(text.replaceAll("−", "-")).then(() => { button.textContent = "copied"; setTimeout(() => { button.textContent = text; }, 900); }).catch(() => {});
    } }, text);
    return button;
  }

  function drawTable() {
    document.title = `Clusters of ${field.name} · clusterphot`;
    const search = h("input", { type: "search", id: "search", placeholder: "search: id, flag, position, or conditions on the headings such as age<3 log M>6.5 use=yes", value: state.search, "aria-label": "search",
      input: (event) => { state.search = event.target.value; state.page = 0; remember(); refresh(); drawRows(); } });
    const which = h("select", { id: "which", "aria-label": "which sources", change: (event) => { state.which = event.target.value; state.page = 0; refresh(); drawRows(); } },
      ["all", "clean", "flagged", "marked", "unmarked"].map((name) => h("option", { value: name, selected: state.which === name }, name)));
    const file = h("input", { type: "file", accept: ".csv,.txt", style: "display:none", change: (event) => { const f = event.target.files[0]; if (f) f.text().then(importMarks); } });
    app.replaceChildren(
      h("h1", {}, `Clusters of ${field.name}`),
      h("div", { class: "bar" }, h("div", { class: "grow" }, search), which,
        field.sky ? h("button", { id: "pictures", "aria-pressed": String(state.pictures), title: `cutouts in ${field.reference}`, click: (event) => {
          state.pictures = !state.pictures;
          event.currentTarget.setAttribute("aria-pressed", String(state.pictures));
          drawRows();
        } }, "Pictures") : null,
        h("button", { id: "columns", click: chooseColumns }, "Columns"),
        h("button", { id: "download", title: "the rows as searched and sorted, all columns", click: () => CLUSTERPHOT.save(`${field.name}_clusters.csv`, tableCsv()) }, "CSV"),
        h("button", { click: help, title: "keys and search" }, "?")),
      h("div", { class: "bar" }, h("span", { id: "count", class: "soft" }), h("button", { id: "previous-page", click: () => move(-1) }, "‹"), h("span", { id: "page" }), h("button", { id: "next-page", click: () => move(1) }, "›"),
        h("span", { style: "flex:1" }), h("span", { id: "n-marked", class: "soft" }),
        h("button", { id: "export-marks", title: "id, ra, dec: a source list for a run", click: () => CLUSTERPHOT.save(`${field.name}_marked.csv`, marksCsv()) }, "Export marks"),
        h("button", { title: "a CSV file with a column id", click: () => file.click() }, "Import marks"), file,
        h("button", { title: "mark all rows as searched, or none", click: markShown }, "Mark shown")),
      h("p", { class: "note", id: "note", role: "status" }),
      h("div", { class: "sources", id: "rows" }),
      h("p", { class: "soft" }, "Click on a heading to sort, on an id for its card; ◦ leads to where a column comes from. Keys: ", h("kbd", {}, "/"), " search, ", h("kbd", {}, "?"), " help; in cards ",
        h("kbd", {}, "n"), " ", h("kbd", {}, "p"), " next and previous, ", h("kbd", {}, "m"), " mark. Values have six digits; all are in the ECSV tables. ",
        marks.kept ? "Marks are kept by this browser." : "This browser keeps no marks for pages opened from disk: export them before closing."));
    drawRows();
  }

  function markShown() {
    const ids = state.order.map((k) => table.rows[k][0]);
    const all = ids.every((id) => marks.has(id));
    const chosen = new Set(marks.all());
    ids.forEach((id) => (all ? chosen.delete(id) : chosen.add(id)));
    marks.replace([...chosen]);
    drawRows();
  }

  function importMarks(text) {
    const rows = CLUSTERPHOT.parseCsv(text);
    const k = rows.length ? rows[0].indexOf("id") : -1;
    const ids = k < 0 ? [] : rows.slice(1).map((row) => row[k]).filter((id) => rowOf.has(id));
    marks.replace(ids);
    refresh();
    drawRows();
    return ids.length;
  }

  const tableCsv = () => csv([table.columns.map((c) => c.name), ...state.order.map((k) => table.rows[k])]);
  const marksCsv = () => csv([["id", "ra", "dec"], ...table.rows.filter((row) => marks.has(row[0]))
    .map((row) => [row[0], row[columnOf.ra] ?? "", row[columnOf.dec] ?? ""])]);

  function dialog(...content) {
    const box = h("dialog", { close: () => box.remove() }, content, h("p", {}, h("button", { click: () => box.close() }, "Close")));
    document.body.append(box);
    box.showModal();
    return box;
  }

  function chooseColumns() {
    const groups = {};
    table.columns.forEach((column) => { if (column.name !== "id") (groups[column.group] = groups[column.group] || []).push(column); });
    dialog(h("h2", {}, "Columns"), h("div", { class: "choices" }, Object.entries(groups).map(([group, columns]) => [h("h3", {}, group), columns.map((column) => h("label", { title: column.description },
      h("input", { type: "checkbox", checked: state.shown.includes(column.name), change: (event) => {
        state.shown = table.columns.map((c) => c.name).filter((name) => (name === column.name ? event.target.checked : state.shown.includes(name)));
        drawRows();
      } }), " ", column.name))])));
  }

  function help() {
    const key = (name, text) => h("tr", {}, h("td", {}, name.split(" ").map((k) => [h("kbd", {}, k), " "])), h("td", { class: "left" }, text));
    dialog(h("h2", {}, "Keys and search"),
      h("table", {}, h("tbody", {}, key("n →", "next card, in the order of the table"), key("p ←", "previous card"), key("m", "mark or unmark"), key("t Esc", "back to the table"), key("/", "search"), key("?", "this help"))),
      h("p", {}, "Words in the search are looked for in ids, texts and names of flags. Conditions on any column, by its heading or its name: ", h("code", {}, `age<3 log M > 6.5 P(cluster)>=0.9 use=yes snr_${field.reference}>10`), ". Several are combined. A position in degrees or as hh:mm:ss dd:mm:ss finds what is near."),
      h("p", {}, "Exported marks are a source list (id, ra, dec), to be named under ", h("code", {}, "sources:"), " of a field: a selection by eye that can be repeated."));
  }

  // ---- cards

  let asked = 0;

  function drawCard(id) {
    const k = rowOf.get(id);
    if (k === undefined) { app.replaceChildren(h("h1", {}, id), h("p", {}, "No source of this name. ", h("a", { href: "#" }, "Back to the table"))); return; }
    state.current = k;
    asked += 1;
    const mine = asked;
    document.title = `${id} · ${field.name}`;
    const place = state.order.indexOf(k);
    const doubts = card.doubtsOf(table.rows[k], columnOf);
    const mark = h("button", { id: "mark", "aria-pressed": String(marks.has(id)), click: () => toggleMark() }, marks.has(id) ? "★ marked" : "☆ mark");
    const flags = card.flagsOf(table.rows[k][columnOf.flags]);
    const body = h("div", { id: "card", "data-id": id }, h("p", { class: "soft" }, "…"));
    app.replaceChildren(h("div", { class: "card-head" }, h("h1", {}, id),
      doubts.map(([words, sentence]) => h("span", { class: "chip flag", title: sentence }, words)),
      flags.length ? flags.map(([, name, sentence]) => h("span", { class: "chip flag", title: sentence }, name)) : h("span", { class: "chip" }, doubts.length ? "no flag" : "nothing against it"),
      columnOf.ra === undefined || table.rows[k][columnOf.ra] === null ? null : position(table.rows[k]),
      h("div", { class: "moves" }, mark, h("button", { id: "previous", title: "p or ←", disabled: place <= 0, click: () => step(-1) }, "‹ previous"),
        h("span", { class: "soft", style: "align-self:center", id: "place" }, place < 0 ? "not in the search" : `${place + 1} of ${state.order.length}`),
        h("button", { id: "next", title: "n or →", disabled: place >= state.order.length - 1, click: () => step(1) }, "next ›"), h("a", { href: "#", style: "align-self:center" }, "table"))), body,
      h("p", { class: "soft keys" }, ["n next", "p previous", "m mark", "t table", "? help"].map((text) => { const [key, word] = text.split(" "); return h("span", {}, h("kbd", {}, key), ` ${word}`); })));
    cardsOf(k).then((one) => {
      if (mine !== asked) return;
      body.replaceChildren(card.build(k, one, state));
      body.dataset.ready = "true";
    }).catch((error) => body.replaceChildren(h("p", {}, String(error.message))));
    window.scrollTo(0, 0);
  }

  function toggleMark() {
    const id = table.rows[state.current][0];
    const on = marks.toggle(id);
    const button = document.getElementById("mark");
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "★ marked" : "☆ mark";
  }

  function step(by) {
    const place = state.order.indexOf(state.current);
    const next = place < 0 ? 0 : place + by;
    if (next >= 0 && next < state.order.length) location.hash = `c=${encodeURIComponent(table.rows[state.order[next]][0])}`;
  }

  function route() {
    const found = /^#c=(.*)$/.exec(location.hash);
    if (found) drawCard(decodeURIComponent(found[1]));
    else {
      const asked = /^#s=(.*)$/.exec(location.hash);
      if (asked) { state.search = decodeURIComponent(asked[1]); state.page = 0; }
      state.current = null; refresh(); drawTable();
    }
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { if (event.key === "Escape") event.target.blur(); return; }
    const inCard = state.current !== null;
    const actions = {
      n: () => inCard && step(1), ArrowRight: () => inCard && step(1), p: () => inCard && step(-1), ArrowLeft: () => inCard && step(-1),
      m: () => inCard && toggleMark(), t: () => { location.hash = ""; }, Escape: () => { location.hash = ""; }, "?": help,
      "/": () => { if (inCard) location.hash = ""; setTimeout(() => { const box = document.getElementById("search"); if (box) box.focus(); }, 30); },
    };
    if (event.key in actions) { actions[event.key](); event.preventDefault(); }
  }

  window.addEventListener("hashchange", route);
  document.addEventListener("keydown", onKey);
  refresh();
  route();
  Object.assign(CLUSTERPHOT, { app: { state, marks, refresh, drawTable, tableCsv, marksCsv, importMarks, step, sortBy } });
})();
