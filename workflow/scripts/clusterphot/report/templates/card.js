/* The card of one source: cutouts, spectral energy distribution, populations, fluxes, neighbours. */
"use strict";

(() => {
  const { h, svg, show, fixed, charts } = CLUSTERPHOT;
  const NEGATIVE = 16, POSITIVE = 48, SOFTENING = 2;
  const KINDS = ["cutout", "model", "residual"];

  const origin = (anchor, words = "where from") => (anchor ? h("a", { class: "from", href: `origins.html#${anchor}` }, words) : null);
  const panel = (title, anchor, ...body) => h("section", { class: "panel", style: "margin:0" },
    h("header", {}, h("h3", {}, title), origin(anchor)), h("div", { class: "body" }, body));

  /** Decimals that give an error two digits. */
  const decimalsOf = (error) => (typeof error === "number" && error > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(error)), 0), 6) : null);
  const inDecimals = (value, decimals) => (decimals === null ? show(value) : fixed(value, decimals));
  /** Value with its error, to the two digits of the error. */
  function withError(value, error) {
    const decimals = decimalsOf(error);
    return typeof value === "number" && decimals !== null ? `${fixed(value, decimals)} ± ${fixed(error, decimals)}` : show(value);
  }

  /** Names and sentences of the bits of a flag. */
  const flagsOf = (value) => CLUSTERPHOT.data.field.flags.filter(([bit]) => (value || 0) & bit);

  /** Circles around the fitted sources of a panel, the target with a cross-hair outside the light. */
  function marks(stamps, column, size) {
    const window = stamps.window[column];
    return svg("svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": true },
      window === null || window === undefined ? null : svg("circle", { cx: size / 2, cy: size / 2, r: window, fill: "none", stroke: "#333", "stroke-width": size / 110, "stroke-dasharray": `${size / 30} ${size / 40}` },
        svg("title", {}, "pixels inside were fitted")),
      stamps.marks[column].map(([id, x, y], k) => {
        if (x === null || y === null) return null;
        const cx = x + 0.5, cy = size - y - 0.5, r = size * 0.1;
        if (k) return svg("circle", { cx, cy, r: r * 0.9, fill: "none", stroke: "#0b6a8f", "stroke-width": size / 90 }, svg("title", {}, id));
        const line = (dx, dy) => svg("line", { x1: cx + dx * r * 1.1, y1: cy + dy * r * 1.1, x2: cx + dx * r * 1.9, y2: cy + dy * r * 1.9, stroke: "#111", "stroke-width": size / 70 });
        return svg("g", {}, line(-1, 0), line(0, 1));
      }));
  }

  /** Panels of all filters, and the colour bar. */
  function stampPanel(card, field) {
    const stamps = card.stamps, filters = field.filters;
    const grid = h("div", { class: "stamps", style: `grid-template-columns: 1.1em repeat(${filters.length}, minmax(0, 1fr))` });
    const canvases = [];
    grid.append(h("span"), ...filters.map((name) => h("div", { class: "head" }, name)));
    KINDS.forEach((kind, row) => {
      grid.append(h("div", { class: "side" }, kind));
      filters.forEach((name, column) => {
        const size = stamps.sizes[column];
        const missing = stamps.missing.includes(name) || (row > 0 && stamps.sigma[column] === null);
        const canvas = h("canvas", { width: size, height: size, role: "img", "aria-label": `${kind} in ${name}` });
        grid.append(h("div", { class: "stamp" }, missing ? h("div", { class: "none" }, row ? "not fitted" : "no data") : canvas,
          !missing && row !== 1 ? marks(row ? { ...stamps, marks: stamps.marks.map(() => []) } : stamps, column, size) : null));
        if (!missing) canvases.push([canvas, row, column, size]);
      });
    });
    const image = new Image();
    const tall = Math.max(...stamps.sizes) + 1;
    const lefts = stamps.sizes.map((s, k) => stamps.sizes.slice(0, k).reduce((sum, v) => sum + v + 1, 0));
    const bar = h("canvas", { width: 256, height: 1 });
    image.onload = () => {
      for (const [canvas, row, column, size] of canvases) {
        canvas.getContext("2d").drawImage(image, lefts[column], row * tall, size, size, 0, 0, size, size);
      }
      grid.dataset.drawn = canvases.length;
    };
    image.src = `data:image/png;base64,${stamps.png}`;
    const [low, high] = stamps.scale;
    drawBar(bar, high);
    return h("div", {}, grid,
      h("div", { class: "scale" }, `${low} σ`.replace("-", "−"), bar, `${show(high, 3)} σ`),
      h("small", {}, "All panels on one scale: pixel values over the median noise σ of their cutout, the model's median sky taken off; linear below zero (blue), arcsinh above",
        ". Grey pixels are not used. ", field.cutout_arcsec ? `Cutouts are ${show(field.cutout_arcsec, 2)}″ wide. ` : "",
        stamps.window.some((v) => v !== null) ? "Only pixels inside a dashed circle were fitted. " : "",
        "σ = ", filters.map((name, k) => `${show(stamps.sigma[k], 2)} (${name})`).join(", "), " nJy per pixel."));
  }

  /** Small picture of a source in one filter, or a note where there is none. */
  function thumbnail(card, field) {
    const column = field.filters.indexOf(field.reference), stamps = card.stamps;
    if (!stamps || stamps.missing.includes(field.reference)) return h("div", { class: "none" }, "no image");
    const size = stamps.sizes[column], left = stamps.sizes.slice(0, column).reduce((sum, v) => sum + v + 1, 0);
    const canvas = h("canvas", { width: size, height: size, role: "img", "aria-label": `cutout in ${field.reference}` });
    const image = new Image();
    image.onload = () => canvas.getContext("2d").drawImage(image, left, 0, size, size, 0, 0, size, size);
    image.src = `data:image/png;base64,${stamps.png}`;
    return canvas;
  }

  /** Colours of the scale, as in the palette of the images. */
  function drawBar(canvas, high) {
    const anchors = [
      [-3, [33, 82, 140]], [-1.35, [133, 178, 214]], [0, [247, 247, 244]],
      ...[[0.22, [250, 213, 150]], [0.45, [233, 146, 70]], [0.68, [168, 72, 44]], [0.86, [87, 28, 40]], [1, [24, 10, 20]]]
        .map(([t, color]) => [SOFTENING * Math.sinh(t * Math.asinh(high / SOFTENING)), color]),
    ];
    const place = (v) => (v < 0 ? (1 + v / 3) * NEGATIVE : NEGATIVE + (POSITIVE * Math.asinh(v / SOFTENING)) / Math.asinh(high / SOFTENING)) / (NEGATIVE + POSITIVE);
    const context = canvas.getContext("2d");
    const gradient = context.createLinearGradient(0, 0, 256, 0);
    for (const [v, color] of anchors) gradient.addColorStop(Math.min(Math.max(place(v), 0), 1), `rgb(${color})`);
    context.fillStyle = gradient;
    context.fillRect(0, 0, 256, 1);
  }

  /** Fluxes of all filters with errors, magnitudes and flags in words. */
  function fluxTable(get, field) {
    const two = field.observed;
    const fitted = get(`chi2_${field.reference}`) !== undefined, systematic = get(`flux_err_sys_${field.reference}`) !== undefined;
    const head = h("tr", {}, h("th", {}, "Filter"), h("th", {}, two ? "as observed" : "flux", h("small", {}, "nJy, random error")), systematic ? h("th", {}, "± syst.", h("small", {}, "nJy")) : null,
      two ? h("th", {}, "dust corrected", h("small", {}, "nJy")) : null, h("th", {}, "S/N"), h("th", {}, "AB mag", h("small", {}, two ? "observed" : "")), fitted ? [h("th", {}, "χ²/dof"), h("th", { class: "left" }, "flags")] : null);
    const rows = field.filters.map((f, k) => {
      const chi2 = get(`chi2_${f}`), dof = get(`dof_${f}`);
      const flags = flagsOf(get(`flags_${f}`)).map(([, name]) => name).join(", ");
      return h("tr", {}, h("td", {}, h("span", { class: "dot", style: `background:${field.colors[k]}` }), f),
        h("td", {}, withError(get(`flux_${f}`), get(`flux_err_${f}`))), systematic ? h("td", {}, show(get(`flux_err_sys_${f}`), 2)) : null,
        two ? h("td", {}, inDecimals(get(`flux0_${f}`), decimalsOf(get(`flux0_err_${f}`)))) : null, h("td", {}, fixed(get(`snr_${f}`), 1)), h("td", {}, fixed(get(`mag_${f}`), 2)),
        fitted ? [h("td", {}, chi2 && dof ? fixed(chi2 / dof, 2) : "–"), h("td", { class: flags ? "left flagged" : "left soft" }, flags || "none")] : null);
    });
    return h("div", { class: "scroll" }, h("table", { class: "tight" }, h("thead", {}, head), h("tbody", {}, rows)));
  }

  /** Value with its 16-84 % range. */
  function range(get, name, suffix, decimals) {
    const [low, mid, high] = ["p16", "p50", "p84"].map((q) => get(`${name}_${q}${suffix}`));
    if (typeof mid !== "number") return "–";
    const text = (v) => (decimals === null ? show(v, 2) : fixed(v, decimals));
    return h("span", { title: "median and 16–84 % range" }, `${text(mid)} `, h("small", {}, `(${text(low)}–${text(high)})`));
  }

  /** The values to use of each library, the posterior; best fits and other masses folded away. */
  function populationTable(get, field) {
    const posterior = get("age_gyr_p50") !== undefined;
    const line = (words, make, kind = null) => h("tr", { class: kind }, h("th", {}, words), field.grids.map((grid, k) => h("td", {}, make(k ? `@${grid}` : ""))));
    const fits = (s) => !poor(get(`chi2${s}`), get(`dof${s}`));
    const pair = (v, e, s) => (typeof v !== "number" ? "–" : typeof e !== "number" ? fixed(v, 2) : fits(s) ? `${fixed(v, 2)} ± ${fixed(e, 2)}`
      : h("span", { title: "the best model does not fit, so its errors say nothing" }, fixed(v, 2), h("small", {}, " no error")));
    const value = (name, decimals, unit = "") => (s) => { const v = get(name + s); return typeof v === "number" ? `${decimals === null ? show(v, 3) : fixed(v, decimals)}${unit}` : "–"; };
    const table = (...lines) => h("div", { class: "scroll" }, h("table", { class: "facts" },
      field.grids.length > 1 ? h("thead", {}, h("tr", {}, h("th", {}, "library"), field.grids.map((grid) => h("th", {}, h("a", { href: `origins.html#${field.origins.clusters[grid]}` }, grid))))) : null,
      h("tbody", {}, lines)));
    const best = [
      line("age, best fit (Gyr)", value("age_gyr", null)),
      line("metallicity, best fit (solar)", value("metallicity_zsun", null)),
      line("χ² for degrees of freedom", (s) => (typeof get(`chi2${s}`) === "number" ? `${fixed(get(`chi2${s}`), 1)} for ${show(get(`dof${s}`))}` : "–")),
      line("log mass from the light near V, best fit (M☉)", (s) => pair(get(`log_mass${s}`), get(`log_mass_err${s}`), s)),
      line("log mass from all bands, best fit (M☉)", (s) => pair(get(`log_mass_sed${s}`), get(`log_mass_sed_err${s}`), s)),
    ];
    if (!posterior) return table(best);
    return h("div", {}, table(
      line("age (Gyr)", (s) => range(get, "age_gyr", s, null), "recommended"),
      line("metallicity (solar)", (s) => range(get, "metallicity_zsun", s, null), "recommended"),
      line("log mass (M☉)", (s) => range(get, "log_mass", s, 2), "recommended"),
      line("M/L in V", (s) => range(get, "ml_v", s, 2), "recommended"),
      line("probability at an end of the ages", value("p_age_edge", 2)),
      field.grids.length > 1 ? line("log evidence", value("log_evidence", 1)) : null),
    h("small", {}, "Medians of the posterior with their 68 % range: the values to use. "),
    h("details", {}, h("summary", {}, "best fit, and its two masses"), table(best),
      h("small", {}, "A best fit is one node of the grid. Its mass from the light near V is that of Table 1 and has no colour term; all three count the mass that survives.")));
  }

  /** Reasons for doubt beside the flags: what to do with the source, a poor best fit, an unlikely cluster. */
  function doubtsOf(row, columnOf) {
    const value = (name) => (columnOf[name] === undefined ? null : row[columnOf[name]]);
    const found = [], use = value("use"), p = value("p_cluster"), chi2 = value("chi2"), dof = value("dof");
    if (use !== null && use !== "yes") found.push([`use: ${use}`, value("why")]);
    if (typeof p === "number" && p < 0.5) found.push([`P(cluster) ${fixed(p, 2)}`, "more likely a galaxy or a star"]);
    if (poor(chi2, dof)) found.push([`χ² ${fixed(chi2, 0)} for ${dof}`, "the best model does not fit with the errors as quoted"]);
    return found;
  }

  /** Whether a chi-square is beyond what 3.1 sigma allow (chance 0.001), after Wilson & Hilferty (1931). */
  function poor(chi2, dof) {
    if (typeof chi2 !== "number" || !(dof > 0)) return false;
    const spread = 2 / (9 * dof);
    return Math.cbrt(chi2 / dof) > 1 - spread + 3.09 * Math.sqrt(spread);
  }

  /** What other tables say of the source, in groups. */
  function otherFacts(row, table) {
    const told = /^(source$|source list|fluxes|fits of cutouts|posterior|best fit)/;
    const groups = {};
    table.columns.forEach((column, k) => {
      if (told.test(column.group) && !column.group.startsWith("source list")) return;
      if (row[k] === null || row[k] === "") return;
      (groups[column.group] = groups[column.group] || []).push([column, row[k]]);
    });
    const words = { recovery: "Against the truth", sizes: "Size", rest_frame: "At rest", contamination: "Cluster, galaxy or star" };
    return Object.entries(groups).map(([group, facts]) => panel(words[group] || group[0].toUpperCase() + group.slice(1), facts[0][0].origin,
      h("details", { open: facts.length < 5 }, h("summary", {}, `${facts.length} value${facts.length > 1 ? "s" : ""}`),
        h("table", { class: "facts" }, h("tbody", {}, facts.map(([column, v]) => h("tr", {}, h("th", { class: "told" }, column.label, column.unit ? h("small", {}, ` ${column.unit}`) : null, column.description ? h("small", { class: "says" }, column.description) : null), h("td", {}, /^flags/.test(column.name) ? flagsOf(v).map((f) => f[1]).join(", ") || "none" : Math.abs(v) < 1e-6 && v !== 0 ? "0" : show(v)))))))));
  }

  /** Small picture of the surroundings, neighbours to click on. */
  function surroundings(id, field, neighbours) {
    const place = field.sky && field.sky.places[id];
    if (!place) return null;
    const { width, height } = field.sky;
    const side = Math.min(5 / field.sky.arcsec_per_px, width, height);
    const cx = place[0] * width, cy = place[1] * height;
    const circle = (other, color, r) => {
      const p = field.sky.places[other];
      return p ? svg("a", { href: `#c=${encodeURIComponent(other)}` }, svg("circle", { cx: p[0] * width, cy: p[1] * height, r: r * side, style: `stroke:${color}` }, svg("title", {}, other))) : null;
    };
    return h("div", { class: "sky near" }, svg("svg", { viewBox: `${cx - side / 2} ${cy - side / 2} ${side} ${side}`, style: "cursor:default", role: "img", "aria-label": "surroundings" },
      svg("image", { href: "sky_flat.jpg", width, height, preserveAspectRatio: "none" }),
      neighbours.map(([other]) => circle(other, "#ffe08a", 0.03)), circle(id, "#7fd4ff", 0.036)),
      h("div", { class: "ruler" }, h("i", { style: `width:${(100 / field.sky.arcsec_per_px) / side}%` }), h("span", {}, "1″")));
  }

  /** The whole card of row number k of the table. */
  function build(k, card, state) {
    const { field, table } = CLUSTERPHOT.data;
    const row = table.rows[k];
    const get = (name) => { const c = state.columnOf[name]; return c === undefined ? undefined : row[c]; };
    const id = row[0];
    const flags = flagsOf(get("flags"));
    const order = field.filters.map((f) => field.bands.indexOf(f));
    const prefix = field.observed ? "flux0" : "flux";
    const points = field.filters.map((f, i) => ({ name: f, wave: field.waves[i], color: field.colors[i], flux: get(`${prefix}_${f}`) ?? null, err: get(`${prefix}_err_${f}`) ?? 0,
      best: card.best[order[i]], band: card.band ? card.band.map((q) => q[order[i]]) : null }));
    const fit = { age: get("age_gyr") ?? null, metallicity: get("metallicity_zsun") ?? null };
    const near = field.neighbours[k].map(([other, arcsec]) => [table.rows[other][0], arcsec]);
    const pairs = [{ kind: "best", name: "best fit", ...fit }];
    if (get("true_age_gyr")) pairs.push({ kind: "truth", name: "truth", age: get("true_age_gyr"), metallicity: get("true_metallicity_zsun") });
    const p = get("p_cluster"), pColumn = table.columns[state.columnOf.p_cluster];
    return h("div", { class: "card-grid" },
      h("div", { class: "stack" },
        card.stamps ? panel("Cutout, model, residual", field.origins.stamps, stampPanel(card, field)) : null,
        panel("Fluxes", field.origins.fluxes, fluxTable(get, field)),
        flags.length ? panel("Flags", field.origins.fluxes, h("ul", { class: "flags-list" }, flags.map(([, name, sentence]) => h("li", {}, h("b", {}, name), `: ${sentence}`)))) : null,
        panel("Surroundings", field.origins.fluxes, h("div", { class: "beside" }, surroundings(id, field, near), h("div", {},
          typeof p === "number" ? h("p", {}, "Probability of being a cluster: ", h("a", { href: `origins.html#${pColumn.origin}`, title: "where from" }, h("b", {}, fixed(p, 2)))) : null,
          near.length ? [h("p", { class: "soft" }, "Nearest listed sources within 2″:"), h("table", { class: "facts" }, h("tbody", {}, near.map(([other, arcsec]) => h("tr", {}, h("td", {}, h("a", { href: `#c=${encodeURIComponent(other)}` }, other)), h("td", {}, `${fixed(arcsec, 2)}″`)))))] : h("p", { class: "soft" }, "No listed source within 2″.")))),
        ),
      h("div", { class: "stack" },
        panel("Spectral energy distribution", field.origins.dereddened, points.every((point) => point.flux === null) ? h("p", { class: "soft" }, "Not measured in any filter.") : charts.sed(points, card.axes ? [] : charts.spectrum(CLUSTERPHOT.data.spectra, fit, card.best)),
          h("small", {}, `Corrected for Milky Way dust, random errors; models of ${field.grids[0]}.`)),
        panel("Age and metallicity", field.origins.clusters[field.grids[0]], card.map ? charts.ageMetallicity(card.map, (card.axes || field).age_edges, (card.axes || field).metallicity_edges, pairs) : h("p", { class: "soft" }, "No posterior: no measured flux.")),
        panel("Population", field.origins.clusters[field.grids[0]], populationTable(get, field)),
        otherFacts(row, table)));
  }

  Object.assign(CLUSTERPHOT, { card: { build, flagsOf, doubtsOf, thumbnail } });
})();
