/* The sky of a field: image with circles to click on, zoom and move, ruler and compass. */
"use strict";

(() => {
  const { h, svg, data } = CLUSTERPHOT;
  const sky = data.sky;
  const box = document.getElementById("sky-box");
  const { width, height } = sky;
  const marks = CLUSTERPHOT.makeMarks(sky.field);
  const tip = h("div", { class: "tip", hidden: true });
  const radius = 0.006 * Math.max(width, height);
  const circles = sky.sources.map(([id, x, y, flags, use]) => svg("a", { href: CLUSTERPHOT.cardLink(id), "data-id": id, "aria-label": id },
    svg("circle", { cx: x * width, cy: y * height, r: radius, class: `${flags ? "flagged " : ""}${use === "no" ? "drop " : ""}${marks.has(id) ? "marked" : ""}` })));
  const view = { x: 0, y: 0, w: width };
  const views = [["no halo", "sky_flat.jpg"], ["with halo", "sky.jpg"]];
  const image = svg("image", { href: views[0][1], width, height, preserveAspectRatio: "none" });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `sources of ${sky.field}` },
    image, circles);
  const ruler = h("div", { class: "ruler" });
  const angle = (sky.north_deg * Math.PI) / 180, turn = sky.east_left ? -1 : 1;
  const north = [Math.sin(angle), -Math.cos(angle)], east = [turn * Math.cos(angle), turn * Math.sin(angle)];
  const arrow = ([dx, dy], name) => [svg("line", { x1: 32 - 12 * north[0] - 12 * east[0], y1: 32 - 12 * north[1] - 12 * east[1], x2: 32 - 12 * north[0] - 12 * east[0] + 26 * dx, y2: 32 - 12 * north[1] - 12 * east[1] + 26 * dy, stroke: "#fff", "stroke-width": 1.6 }),
    svg("text", { x: 32 - 12 * north[0] - 12 * east[0] + 34 * dx, y: 36 - 12 * north[1] - 12 * east[1] + 34 * dy, fill: "#fff", "font-size": 11, "text-anchor": "middle" }, name)];
  const compass = svg("svg", { class: "compass", viewBox: "0 0 64 64", style: "cursor:default;pointer-events:none", "aria-hidden": true }, arrow(north, "N"), arrow(east, "E"));

  function draw() {
    view.w = Math.min(Math.max(view.w, width / 40), width);
    const tall = (view.w * height) / width;
    view.x = Math.min(Math.max(view.x, 0), width - view.w);
    view.y = Math.min(Math.max(view.y, 0), height - tall);
    picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${tall}`);
    const shrink = Math.sqrt(view.w / width);
    for (const link of circles) link.firstChild.setAttribute("r", radius * shrink);
    const shown = picture.getBoundingClientRect();
    const scale = Math.min(shown.width / view.w, shown.height / tall) / sky.arcsec_per_px;
    const length = [120, 60, 30, 20, 10, 5, 2, 1, 0.5, 0.2].find((v) => v * scale < 0.24 * shown.width) || 0.1;
    ruler.replaceChildren(h("i", { style: `width:${length * scale}px` }), `${length}″ = ${+(length * sky.kpc_per_arcsec).toPrecision(3)} kpc`);
  }

  function zoom(factor, cx = view.x + view.w / 2, cy = view.y + (view.w * height) / width / 2) {
    const before = view.w;
    view.w = Math.min(Math.max(view.w * factor, width / 40), width);
    view.x = cx - ((cx - view.x) * view.w) / before;
    view.y = cy - ((cy - view.y) * view.w) / before;
    draw();
  }

  function at(event) {
    const shown = picture.getBoundingClientRect(), tall = (view.w * height) / width;
    const scale = Math.min(shown.width / view.w, shown.height / tall);
    return [view.x + (event.clientX - shown.left - (shown.width - view.w * scale) / 2) / scale, view.y + (event.clientY - shown.top - (shown.height - tall * scale) / 2) / scale, scale];
  }

  picture.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const [x, y] = at(event);
    zoom(event.deltaY > 0 ? 1.25 : 0.8, x, y);
  }, { passive: false });

  let from = null, moved = false;
  picture.addEventListener("pointerdown", (event) => { if (view.w < width) from = [event.clientX, event.clientY, view.x, view.y]; moved = false; });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    const scale = at(event)[2];
    moved = moved || Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
    if (!moved) return;
    picture.classList.add("moving");
    view.x = from[2] - (event.clientX - from[0]) / scale;
    view.y = from[3] - (event.clientY - from[1]) / scale;
    draw();
  });
  window.addEventListener("pointerup", () => { from = null; picture.classList.remove("moving"); });
  picture.addEventListener("click", (event) => { if (moved) { event.preventDefault(); moved = false; } }, true);
  picture.addEventListener("dragstart", (event) => event.preventDefault());
  picture.addEventListener("pointerover", (event) => {
    const link = event.target.closest("a");
    tip.hidden = !link;
    if (!link) return;
    const shown = box.getBoundingClientRect(), place = link.getBoundingClientRect();
    tip.textContent = link.dataset.id;
    tip.style.left = `${Math.min(place.right - shown.left + 6, shown.width - 90)}px`;
    tip.style.top = `${place.top - shown.top - 4}px`;
  });

  const shown = views.map(([words, file], k) => h("button", { "aria-pressed": String(k === 0), click: (event) => {
    image.setAttribute("href", file);
    shown.forEach((button) => button.setAttribute("aria-pressed", String(button === event.currentTarget)));
  } }, words));
  const circled = h("button", { "aria-pressed": "true", click: () => {
    const on = circled.getAttribute("aria-pressed") !== "true";
    circled.setAttribute("aria-pressed", String(on));
    circles.forEach((link) => { link.style.display = on ? "" : "none"; });
  } }, "circles");
  box.append(picture, ruler, compass, tip, h("div", { class: "buttons" }, shown, circled,
    h("button", { click: () => zoom(0.6), "aria-label": "zoom in" }, "+"), h("button", { click: () => zoom(1 / 0.6), "aria-label": "zoom out" }, "−"),
    h("button", { click: () => { Object.assign(view, { x: 0, y: 0, w: width }); draw(); } }, "all")));
  draw();
  window.addEventListener("resize", draw);
  CLUSTERPHOT.sky = { view, zoom, circles };
})();
