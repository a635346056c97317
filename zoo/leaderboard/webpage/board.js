"use strict";
// The page's data and what every part of it needs. Texts of rows go into the page by textContent alone.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
// a metric may be called "constructor": its table has no prototype
const bare = (object) => Object.assign(Object.create(null), object);
const metrics = bare(Object.fromEntries(DATA.titles.map((t) => [t.name, t])));
const names = DATA.titles.map((t) => t.name);

const ours = DATA.rows.map((r, i) => ({ ...r, kind: r.whose, what: r.recipe, id: i,
  metrics: bare(r.metrics), spread: bare(r.spread), floor: bare(r.floor), history: r.history.map(bare),
  group: `${r.dataset}, ${r.resolution} px \u00b7 ${r.measured}${r.whose === "imported" ? " \u00b7 released weights" : ""}` }));
const theirs = DATA.published.map((r, i) => ({ ...r, kind: "published", what: r.model, id: ours.length + i,
  metrics: bare(r.metrics), spread: bare(r.spread), floor: bare({}),
  group: `${r.dataset}, ${r.resolution} px \u00b7 published: ${r.protocol}`, measured: r.protocol }));
const all = [...ours, ...theirs];
for (const r of all) for (const m of Object.keys(r.metrics)) r[`metrics.${m}`] = r.metrics[m];

const el = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};
// a file below this page: no name can become another scheme, host or query
const address = (name) => `./${name.split("/").map(encodeURIComponent).join("/")}`;
const title = (m) => metrics[m].title + (metrics[m].higher ? " \u2191" : " \u2193");
const show = (v) => (v === undefined || v === null ? ""
  : Math.abs(v) >= 1e4 ? Math.round(v).toLocaleString("en") : String(Number(Number(v).toPrecision(4))));
const withSpread = (r, m) => show(r.metrics[m]) + (r.spread[m] !== undefined ? ` \u00b1 ${show(r.spread[m])}` : "")
  + (r.floor[m] !== undefined ? ` (${Number(r.floor[m].toPrecision(3))}x)` : "");
const called = (r) => `${r.paper}, ${r.what}${r.seed === null || r.seed === undefined ? "" : `, seed ${r.seed}`}`;
const distinct = (key, list) => [...new Set(list.map((r) => r[key]))].filter(Boolean).sort();
const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

// rows chosen for curves and comparison, in the order of choice
const chosen = new Set();
