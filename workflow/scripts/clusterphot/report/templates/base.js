/* Shared by the pages: data handed over by scripts (pages opened from disk may not fetch), marks, building of elements. */
"use strict";

const CLUSTERPHOT = (() => {
  const data = {};
  const waiting = {};

  /** Called by the scripts in data/. */
  function give(name, value) {
    data[name] = value;
    (waiting[name] || []).forEach((done) => done(value));
    delete waiting[name];
  }

  /** Data by name; the script data/<name>.js is added to the page when it is first asked for. */
  function load(name) {
    if (name in data) return Promise.resolve(data[name]);
    return new Promise((resolve, reject) => {
      const first = !waiting[name];
      (waiting[name] = waiting[name] || []).push(resolve);
      if (!first) return;
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onerror = () => reject(new Error(`data/${name}.js is missing beside this page`));
      document.head.append(script);
    });
  }

  /** Element with attributes and children; functions are listeners, null and false are left out. */
  function make(space, tag, attributes, children) {
    const node = space ? document.createElementNS(space, tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(key, value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    for (const child of children.flat(3)) {
      if (child !== null && child !== undefined && child !== false) node.append(child);
    }
    return node;
  }
  const h = (tag, attributes, ...children) => make(null, tag, attributes, children);
  const svg = (tag, attributes, ...children) => make("http://www.w3.org/2000/svg", tag, attributes, children);

  /** Number for people: a few digits, a true minus sign, a dash for nothing. */
  function show(value, digits = 4) {
    if (value === null || value === undefined || value === "") return "–";
    if (typeof value === "string") return value;
    if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value).replace("-", "−");
    const size = Math.abs(value);
    const text = size >= 1e6 || size < 1e-4 ? value.toExponential(Math.min(digits - 1, 2)) : String(+value.toPrecision(digits));
    return text.replace("-", "−");
  }
  const fixed = (value, decimals) => (typeof value === "number" ? value.toFixed(decimals).replace("-", "−") : "–");

  /** Marked ids: kept by the browser where it lets a page opened from disk do so, else until the page is closed. */
  function makeMarks(field) {
    const key = `clusterphot marks ${field}`;
    let ids = new Set();
    let kept = true;
    try {
      ids = new Set(JSON.parse(localStorage.getItem(key) || "[]"));
    } catch (error) {
      kept = false;
    }
    function save() {
      try {
        localStorage.setItem(key, JSON.stringify([...ids]));
      } catch (error) {
        kept = false;
      }
    }
    return {
      has: (id) => ids.has(id),
      get size() { return ids.size; },
      get kept() { return kept; },
      toggle(id) { if (!ids.delete(id)) ids.add(id); save(); return ids.has(id); },
      replace(list) { ids = new Set(list); save(); },
      all: () => [...ids],
    };
  }

  /** One line of a CSV file (RFC 4180). */
  const csvLine = (cells) => cells.map((cell) => {
    const text = cell === null || cell === undefined ? "" : String(cell);
    return /[",\r\n]|^\s|\s$|^#/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",");
  const csv = (rows) => rows.map(csvLine).join("\n") + "\n";

  /** Rows of a CSV text. */
  function parseCsv(text) {
    const rows = [[]];
    let cell = "", quoted = false, had = false;
    const end = () => { rows[rows.length - 1].push(had ? cell : cell.trim()); cell = ""; had = false; };
    for (let i = 0; i < text.length; i += 1) {
      const c = text[i];
      if (quoted) {
        if (c === '"' && text[i + 1] === '"') { cell += '"'; i += 1; }
        else if (c === '"') quoted = false;
        else cell += c;
      } else if (c === '"' && cell.trim() === "") { quoted = true; had = true; cell = ""; }
      else if (c === ",") end();
      else if (c === "\n") { end(); rows.push([]); }
      else if (c !== "\r") cell += c;
    }
    end();
    return rows.filter((row) => row.some((value) => value !== ""));
  }

  /** Hand a text to the reader as a file. */
  function save(name, text, type = "text/csv") {
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const cardLink = (id) => `clusters.html#c=${encodeURIComponent(id)}`;

  return { data, give, load, h, svg, show, fixed, makeMarks, csv, parseCsv, save, cardLink };
})();
