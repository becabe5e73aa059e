/* Charts of a card as SVG: spectral energy distribution, and the posterior of age and metallicity. */
"use strict";

(() => {
  const { svg, h, show } = CLUSTERPHOT;
  const W = 560, H = 320, LEFT = 62, RIGHT = 14, TOP = 12, BOTTOM = 42;

  /** Round steps for an axis of about n intervals. */
  function ticks(low, high, n) {
    const raw = (high - low) / n;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw) || 10 * power;
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high + 1e-9 * step; k += 1) found.push(+(k * step).toPrecision(12));
    return found;
  }

  const logScale = (low, high, from, to) => (v) => from + (to - from) * Math.log(v / low) / Math.log(high / low);
  const linear = (low, high, from, to) => (v) => from + (to - from) * (v - low) / (high - low);
  const path = (points) => "M" + points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");

  function frame(chart, xName, yName) {
    chart.append(
      svg("rect", { x: LEFT, y: TOP, width: W - LEFT - RIGHT, height: H - TOP - BOTTOM, class: "axis" }),
      svg("text", { x: (LEFT + W - RIGHT) / 2, y: H - 6, "text-anchor": "middle", class: "name" }, xName),
      svg("text", { x: 14, y: (TOP + H - BOTTOM) / 2, "text-anchor": "middle", class: "name",
        transform: `rotate(-90 14 ${(TOP + H - BOTTOM) / 2})` }, yName),
    );
  }

  /** Spectrum of the best-fitting model in micron and nJy, or nothing. */
  function spectrum(library, fit, best) {
    if (!library || fit.age === null || best[library.band] === null) return [];
    const nearest = (list, v) => list.reduce((k, x, i) => (Math.abs(x - v) < Math.abs(list[k] - v) ? i : k), 0);
    const steps = library.flux[nearest(library.age_gyr, fit.age)][nearest(library.metallicity_zsun, fit.metallicity)];
    return library.wave.map((wave, k) => [wave, steps[k] === null ? null : best[library.band] * 10 ** (steps[k] / library.steps_per_dex)])
      .filter((point) => point[1] !== null);
  }

  /**
   * Fluxes with errors, best fit and posterior band.
   * points: [{name, wave, color, flux, err, best, band: [q025, q16, q50, q84, q975]}]
   */
  function sed(points, curve) {
    const known = points.filter((p) => p.flux !== null);
    const chart = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img", "aria-label": "spectral energy distribution" });
    const waves = points.map((p) => p.wave);
    const x0 = Math.min(...waves) / 1.14, x1 = Math.max(...waves) * 1.14;
    const highs = known.map((p) => p.flux + (p.err || 0)).concat(points.map((p) => (p.band ? p.band[3] : null)), points.map((p) => p.best))
      .filter((v) => v !== null && Number.isFinite(v));
    const drawn = curve.filter(([w]) => w > x0 && w < x1).map((point) => point[1]);
    if (drawn.length && highs.length) highs.push(Math.min(Math.max(...drawn), 1.5 * Math.max(...highs)));
    const lows = known.map((p) => p.flux - (p.err || 0)).filter(Number.isFinite);
    const top = Math.max(...highs, 1e-6) * 1.15, low = Math.min(0, ...lows) * 1.1;
    const x = logScale(x0, x1, LEFT, W - RIGHT), y = linear(low, top, H - BOTTOM, TOP);
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    chart.append(svg("clipPath", { id: clip }, svg("rect", { x: LEFT, y: TOP, width: W - LEFT - RIGHT, height: H - TOP - BOTTOM })));
    for (const t of ticks(low, top, 5)) {
      chart.append(svg("line", { x1: LEFT, x2: W - RIGHT, y1: y(t), y2: y(t), class: "gridline" }),
        svg("text", { x: LEFT - 6, y: y(t) + 4, "text-anchor": "end" }, show(t, 3)));
    }
    for (const t of [0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20].filter((v) => v > x0 * 1.02 && v < x1 / 1.02)) {
      chart.append(svg("line", { x1: x(t), x2: x(t), y1: H - BOTTOM, y2: H - BOTTOM + 4, class: "axis" }),
        svg("text", { x: x(t), y: H - BOTTOM + 17, "text-anchor": "middle" }, show(t, 2)));
    }
    const inside = svg("g", { "clip-path": `url(#${clip})` });
    const banded = points.filter((p) => p.band && p.band.every((v) => v !== null)).sort((a, b) => a.wave - b.wave);
    const half = 1.05; // of a filter's width, by which a box reaches to either side
    for (const [a, b, opacity] of [[0, 4, 0.16], [1, 3, 0.32]]) {
      for (const p of banded) {
        inside.append(svg("rect", { x: x(p.wave / half), width: x(p.wave * half) - x(p.wave / half), y: y(p.band[b]), height: Math.max(y(p.band[a]) - y(p.band[b]), 1),
          fill: "var(--accent)", opacity, class: "band" }));
      }
    }
    if (curve.length) inside.append(svg("path", { d: path(curve.map(([w, f]) => [x(w), y(f)])), fill: "none", stroke: "var(--soft)", "stroke-width": 1.1 }));
    for (const p of points) {
      if (p.best !== null) {
        inside.append(svg("rect", { x: x(p.wave) - 5, y: y(p.best) - 5, width: 10, height: 10, fill: "none", stroke: "var(--ink)", "stroke-width": 1.2,
          transform: `rotate(45 ${x(p.wave)} ${y(p.best)})` }, svg("title", {}, `${p.name} best fit ${show(p.best)} nJy`)));
      }
    }
    for (const p of known) {
      inside.append(svg("g", { class: "point" }, svg("title", {}, `${p.name} ${show(p.flux)} ± ${show(p.err, 2)} nJy`),
        svg("line", { x1: x(p.wave), x2: x(p.wave), y1: y(p.flux - p.err), y2: y(p.flux + p.err), stroke: p.color, "stroke-width": 2 }),
        svg("circle", { cx: x(p.wave), cy: y(p.flux), r: 4.5, fill: p.color })));
    }
    chart.append(inside);
    frame(chart, "observed wavelength (µm)", "flux density (nJy)");
    return h("div", {}, chart, h("div", { class: "legend" },
      points.map((p) => h("span", {}, h("span", { class: "dot", style: `background:${p.color}` }), p.name)),
      h("span", {}, "◇ best fit"), curve.length ? h("span", {}, h("i", { style: "background:var(--soft);height:2px;vertical-align:middle" }), "its spectrum") : null,
      banded.length ? h("span", {}, h("i", { style: "background:var(--accent);opacity:.4" }), "posterior in each filter, 68 and 95 %") : null));
  }

  /** Values that enclose 68 and 95 % of the probability of a map's cells. */
  function levels(cells, areas) {
    const order = cells.map((v, k) => k).sort((a, b) => cells[b] - cells[a]);
    const total = cells.reduce((sum, v, k) => sum + v * areas[k], 0);
    const found = [];
    let sum = 0;
    for (const k of order) {
      sum += cells[k] * areas[k];
      if (found.length < 1 && sum >= 0.68 * total) found.push(cells[k]);
      if (found.length < 2 && sum >= 0.95 * total) { found.push(cells[k]); break; }
    }
    return found;
  }

  /** Density over age and metallicity with the outlines of 68 and 95 %; marks: [{age, metallicity, kind, name}]. */
  function ageMetallicity(map, ageEdges, zEdges, marks) {
    const na = ageEdges.length - 1, nz = zEdges.length - 1;
    const cells = Array.from(atob(map), (c) => c.charCodeAt(0));
    const chart = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "chart", role: "img", "aria-label": "posterior of age and metallicity" });
    const x = logScale(ageEdges[0], ageEdges[na], LEFT, W - RIGHT), y = logScale(zEdges[0], zEdges[nz], H - BOTTOM, TOP);
    const areas = cells.map((v, k) => {
      const i = Math.floor(k / nz), j = k % nz;
      return Math.log(ageEdges[i + 1] / ageEdges[i]) * Math.log(zEdges[j + 1] / zEdges[j]);
    });
    const [inner, outer] = levels(cells, areas);
    const at = (i, j) => (i < 0 || j < 0 || i >= na || j >= nz ? -1 : cells[i * nz + j]);
    const outlines = [[outer, 0.9, "2 2"], [inner, 1.6, null]].map(([level, width, dash]) => {
      let d = "";
      for (let i = 0; i < na; i += 1) {
        for (let j = 0; j < nz; j += 1) {
          if (at(i, j) < level) continue;
          const box = [x(ageEdges[i]), x(ageEdges[i + 1]), y(zEdges[j]), y(zEdges[j + 1])].map((v) => v.toFixed(1));
          if (at(i - 1, j) < level) d += `M${box[0]} ${box[2]}V${box[3]}`;
          if (at(i + 1, j) < level) d += `M${box[1]} ${box[2]}V${box[3]}`;
          if (at(i, j - 1) < level) d += `M${box[0]} ${box[2]}H${box[1]}`;
          if (at(i, j + 1) < level) d += `M${box[0]} ${box[3]}H${box[1]}`;
        }
      }
      return svg("path", { d, fill: "none", stroke: "var(--ink)", "stroke-width": width, "stroke-dasharray": dash });
    });
    cells.forEach((v, k) => {
      if (v < 2) return;
      const i = Math.floor(k / nz), j = k % nz;
      chart.append(svg("rect", { x: x(ageEdges[i]).toFixed(1), y: y(zEdges[j + 1]).toFixed(1),
        width: (x(ageEdges[i + 1]) - x(ageEdges[i])).toFixed(1), height: (y(zEdges[j]) - y(zEdges[j + 1])).toFixed(1),
        fill: "var(--accent)", "shape-rendering": "crispEdges", "fill-opacity": (0.85 * (v / 255) ** 0.8).toFixed(3) }));
    });
    chart.append(...outlines);
    for (const t of [0.1, 0.2, 0.5, 1, 2, 5, 10, 13].filter((v) => v > ageEdges[0] && v < ageEdges[na])) {
      chart.append(svg("line", { x1: x(t), x2: x(t), y1: H - BOTTOM, y2: H - BOTTOM + 4, class: "axis" }),
        svg("text", { x: x(t), y: H - BOTTOM + 17, "text-anchor": "middle" }, show(t)));
    }
    for (const t of [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3].filter((v) => v > zEdges[0] && v < zEdges[nz])) {
      chart.append(svg("line", { x1: LEFT - 4, x2: LEFT, y1: y(t), y2: y(t), class: "axis" }),
        svg("text", { x: LEFT - 7, y: y(t) + 4, "text-anchor": "end" }, show(t)));
    }
    for (const mark of marks.filter((m) => m.age && m.metallicity)) {
      const px = Math.min(Math.max(x(mark.age), LEFT), W - RIGHT), py = Math.min(Math.max(y(mark.metallicity), TOP), H - BOTTOM);
      const style = { stroke: "var(--card)", "stroke-width": 1, "paint-order": "stroke", "font-size": 17, "text-anchor": "middle" };
      chart.append(svg("text", { x: px, y: py + 6, ...style, fill: mark.kind === "truth" ? "var(--warn)" : "var(--ink)", "stroke-width": 3 },
        mark.kind === "truth" ? "★" : "◆", svg("title", {}, `${mark.name}: ${show(mark.age, 3)} Gyr, ${show(mark.metallicity, 3)} solar`)));
    }
    frame(chart, "age (Gyr)", "metallicity (solar)");
    return h("div", {}, chart, h("div", { class: "legend" }, h("span", {}, "outlines: 68 % and (dashed) 95 %"),
      marks.map((m) => h("span", {}, `${m.kind === "truth" ? "★" : "◆"} ${m.name}`))));
  }

  Object.assign(CLUSTERPHOT, { charts: { sed, spectrum, ageMetallicity, ticks, levels } });
})();
