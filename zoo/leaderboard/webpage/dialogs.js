"use strict";
// A row large, and two rows side by side.
const FACTS = { dataset: "data set", paper: "paper", recipe: "recipe", model: "model", measured: "measured", kimg: "kimg",
  hours: "hours", hardware: "hardware", seed: "seed", ema: "average of G", precision: "precision", commit: "commit",
  date: "date", file: "row", table: "table", note: "note", verified: "read at that source" };
const filled = ([, value]) => value !== undefined && value !== null && value !== "";

const detail = (r) => {
  $("what").textContent = called(r);
  $("grid").replaceChildren(...(r.samples ? [whole(r.samples, `Uncurated samples of ${called(r)}`)] : []),
    ...(r.nearest ? [el("p", { className: "small" }, "Samples beside their nearest training images:"), whole(r.nearest, `Nearest training images, ${called(r)}`)] : []));
  const facts = [...Object.keys(r.metrics).map((m) => [title(m), withSpread(r, m)]),
    ["published", r.beside ? `${r.beside.values}: ${r.beside.model} (${r.beside.protocol})` : ""],
    ...Object.entries(FACTS).map(([key, name]) => [name, r[key]]),
    ...Object.entries(r.notes || {}).map(([m, number]) => [`about ${m}`, DATA.texts[number]]),
    ...Object.entries(r.absent || {}).map(([m, number]) => [`no ${m}`, DATA.texts[number]])];
  $("facts").replaceChildren(...facts.filter(filled).flatMap(([name, value]) => [el("dt", {}, name),
    el("dd", {}, name === "row" ? el("a", { href: address(value), className: "link" }, value) : String(value))]));
  $("detail").showModal();
};

const plainTable = (head, lines) => el("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": "table" }, el("table", {},
  el("thead", {}, el("tr", {}, ...head.map((h) => el("th", { scope: "col" }, h)))),
  el("tbody", {}, ...lines.map((line) => el("tr", {}, ...line.map((c) => el("td", {}, c instanceof Node ? c : String(c))))))));

// what differs: the pool's settings that one of the two has and the other has not
const differing = (a, b) => {
  const table = (r) => new Map(r.settings.map((number) => DATA.settings[number])), left = table(a), right = table(b);
  return [...new Set([...left.keys(), ...right.keys()])].sort()
    .filter((key) => left.get(key) !== right.get(key)).map((key) => [key, left.get(key) ?? "\u2013", right.get(key) ?? "\u2013"]);
};

const scores = (a, b) => names.filter((m) => a.metrics[m] !== undefined || b.metrics[m] !== undefined).map((m) => {
  const [x, y] = [a.metrics[m], b.metrics[m]], ranked = a.group === b.group && x !== undefined && y !== undefined && x !== y;
  const word = (r, better) => el(ranked && better ? "strong" : "span", {}, r.metrics[m] === undefined ? "\u2013" : withSpread(r, m));
  return [title(m), word(a, metrics[m].higher ? x > y : x < y), word(b, metrics[m].higher ? y > x : y < x)];
});

// the same cell of both sheets, enlarged
const sameSeeds = (a, b) => {
  if (!a.cells || !b.cells) return null;
  const count = Math.min(...[a, b].map((r) => r.cells[0] * r.cells[1])), side = Math.min(256, Math.floor((innerWidth - 90) / 2));
  const seed = (r) => (DATA.settings[r.settings.find((n) => DATA.settings[n][0] === "conditions.seed")] || [])[1];
  const shown = el("div", { className: "pair" }), output = el("output", {});
  const turn = (k) => {
    shown.replaceChildren(strip(a, k, 1, side), strip(b, k, 1, side));
    output.textContent = `${k}`;
  };
  turn(0);
  const why = seed(a) === seed(b) ? "Cell k is drawn from seed k in both sheets; with classes, each row of a sheet is a class."
    : `The sheets were drawn under other seeds, ${seed(a)} and ${seed(b)}: their cells are not the same latents.`;
  return el("section", { "aria-label": "the same cell of both" }, el("label", {}, "cell ",
    el("input", { id: "cell", type: "range", min: 0, max: count - 1, value: 0, oninput: (event) => turn(Number(event.target.value)) }), output),
  shown, el("p", { className: "small" }, why));
};

const compare = () => {
  const [a, b] = [...chosen].slice(0, 2).map((id) => all[id]);
  const head = ["", `${called(a)} (${a.date})`, `${called(b)} (${b.date})`];
  const same = a.group === b.group ? "Both were measured in the same way; the better number is bold."
    : "The two were measured in different ways, so no order between their numbers means anything.";
  const lines = differing(a, b);
  $("sides").replaceChildren(el("div", { className: "pair" }, ...[a, b].map((r) => el("figure", {}, r.samples ? whole(r.samples, `Uncurated samples of ${called(r)}`) : el("p", { className: "small" }, "This row has no picture."), el("figcaption", {}, called(r))))),
    ...[sameSeeds(a, b)].filter(Boolean), el("h3", {}, "Numbers"), el("p", { className: "small" }, same), plainTable(head, scores(a, b)),
    el("h3", {}, "What differs"), lines.length ? plainTable(head, lines)
      : el("p", {}, "Nothing that the rows record: the same settings, conditions and software."));
  $("comparison").showModal();
};
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
