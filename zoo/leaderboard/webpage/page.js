"use strict";
// Filters, the choice, rows of other kinds; and the start of all.
const fill = (id, values, first) => $(id).replaceChildren(...[["", first], ...values.map((v) => [v, v])].map(([v, words]) => new Option(words, v)));
const budget = (r) => {
  if (!r.kimg) return null;
  const floor = 10 ** Math.floor(Math.log10(r.kimg)), number = (v) => v.toLocaleString("en");
  return { floor, words: `${number(floor)} to ${number(floor * 10)} kimg` };
};
fill("dataset", distinct("set", all), "all");
fill("paper", distinct("paper", all), "all");
fill("protocol", distinct("protocol", ours), "all");
const budgets = new Map(ours.map(budget).filter(Boolean).sort((a, b) => a.floor - b.floor).map((b) => [b.words, b.floor]));
fill("budget", [...budgets.keys()], "any");

const selected = () => {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((r) => (!$("dataset").value || r.set === $("dataset").value)
    && (!$("paper").value || r.paper === $("paper").value)
    && (!$("protocol").value || r.protocol === $("protocol").value)
    && (!$("budget").value || (budget(r) || {}).words === $("budget").value)
    && (!$("kind").value || r.kind === $("kind").value)
    && words.every((w) => `${r.group} ${r.paper} ${r.what} ${r.hardware || ""} ${r.note || ""} ${r.commit || ""}`.toLowerCase().includes(w)));
};

let shown = columns(all).map((c) => c.field).join("\n");
const update = () => {
  const list = selected();
  const wanted = columns(list), fields = wanted.map((c) => c.field).join("\n");
  if (fields !== shown) table.setColumns(wanted);  // the dearest part of a change
  shown = fields;
  table.replaceData(list).then(reachable);
  $("count").textContent = `${list.length} of ${all.length} rows`;
  draw();
};

const choose = () => {
  $("choice").hidden = chosen.size === 0;
  $("picked").replaceChildren(...[...chosen].map((id) => el("li", {}, called(all[id]), el("button", { type: "button",
    "aria-label": `Leave out ${called(all[id])}`, onclick: () => { chosen.delete(id); table.redraw(true); choose(); } }, "\u00d7"))));
  $("compare").disabled = chosen.size !== 2;
  $("compare").textContent = chosen.size === 2 ? "Compare the two" : "Compare (choose two)";
  const runs = [...chosen].map((id) => all[id]);
  if (runs.length && !measuring($("metric").value, runs)) $("metric").value = most(runs);
  draw();
};
$("compare").addEventListener("click", compare);
$("clear").addEventListener("click", () => { chosen.clear(); table.redraw(true); choose(); });

// rows that are measured in returns or on points of the plane
const others = [];
for (const section of DATA.sections) {
  const place = el("section", { id: section.id, "aria-label": section.title }, el("h2", {}, section.title), el("p", { className: "small" }, section.about));
  for (const task of distinct("task", section.curves)) {
    const canvas = el("canvas", { role: "img", "aria-label": `Returns during training, ${task}` });
    place.append(el("h3", {}, `Returns during training, ${task}`), el("div", { className: "plot" }, canvas));
    others.push({ canvas, lines: section.curves.filter((c) => c.task === task) });
  }
  for (const [heading, head, lines] of section.tables) place.append(el("h3", {}, heading), plainTable(head, lines));
  $("others").append(place);
}
const drawOthers = () => {
  for (const other of others) {
    if (other.chart) other.chart.destroy();
    const lines = other.lines.map((c, i) => ({ ...lineOf(c.label, c.points.map(([x, y]) => ({ x, y })), colour(i)), pointRadius: 0, borderWidth: 1.5 }));
    other.chart = new Chart(other.canvas, { type: "scatter", data: { datasets: lines },
      options: options("thousand steps of the environment", "return", false, lines.length <= NAMED && innerWidth > 800) });
  }
};

const links = [...DATA.links.map(([name, words]) => [address(name), words]), ...DATA.sections.map((s) => [`#${s.id}`, s.title])];
$("links").replaceChildren(...links.map(([href, words]) => el("li", {}, el("a", { href, className: "link" }, words))));
for (const id of ["dataset", "paper", "protocol", "budget", "kind"]) $(id).addEventListener("change", update);
$("search").addEventListener("input", update);
for (const id of ["metric", "x", "log"]) $(id).addEventListener("change", draw);
for (const id of ["filters", "axes"]) $(id).addEventListener("submit", (event) => event.preventDefault());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { draw(); drawOthers(); });
built.then(() => { update(); drawOthers(); document.body.dataset.ready = "yes"; });
