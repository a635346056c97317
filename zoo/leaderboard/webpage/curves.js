"use strict";
// Metrics during training: of the chosen rows over each other, or of all that the filters leave.
const NAMED = 24;  // more lines than these have no legend
const papers = distinct("paper", all);
const hue = (i) => (i * 137.5 + 205) % 360;  // the golden angle apart, for as many as there are
const colour = (i) => `hsl(${hue(i)} 65% ${isDark() ? 65 : 40}%)`;
const measuring = (m, list) => list.filter((r) => r.metrics[m] !== undefined).length;
const most = (list) => names.reduce((best, m) => (measuring(m, list) > measuring(best, list) ? m : best), names[0]);
$("metric").replaceChildren(...names.filter((m) => measuring(m, ours)).map((m) => new Option(title(m), m)));
if (ours.length) $("metric").value = most(ours);

const lineOf = (label, points, tint) => ({ label, data: points, showLine: true, borderColor: tint, backgroundColor: tint, borderWidth: 2,
  pointRadius: points.length > 40 ? 0 : points.length > 1 ? 2.5 : 5, tension: 0 });
const options = (xTitle, yTitle, log, legend, onClick) => {
  const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--soft"), grid = style.getPropertyValue("--line");
  const axis = (words, type) => ({ type, title: { display: true, text: words, color: ink }, ticks: { color: ink }, grid: { color: grid } });
  return { animation: false, responsive: true, maintainAspectRatio: false, onClick,
    scales: { x: axis(xTitle, "linear"), y: axis(yTitle, log ? "logarithmic" : "linear") },
    plugins: { legend: { display: legend, position: innerWidth > 800 ? "right" : "bottom", labels: { color: ink, boxWidth: 14, boxHeight: 2 } } } };
};

// a paper's best published number, checked ones first
const published = (list, m) => {
  const best = new Map(), sign = metrics[m].higher ? -1 : 1, order = (r) => [r.verified === "yes" ? 0 : 1, sign * r.metrics[m]];
  for (const r of list.filter((q) => q.kind === "published" && q.model !== "real data" && q.metrics[m] !== undefined)) {
    const key = `${r.paper} ${r.set}`, [checked, value] = order(r), old = best.has(key) ? order(best.get(key)) : [2, 0];
    if (checked < old[0] || (checked === old[0] && value < old[1])) best.set(key, r);
  }
  return [...best.values()];
};

let chart;
const draw = () => {
  const m = $("metric").value, x = $("x").value, list = selected();
  if (!m) { $("curves").parentElement.hidden = true; return; }
  const runs = chosen.size ? [...chosen].map((id) => all[id]) : list.filter((r) => r.kind !== "published");
  const lines = runs.filter((r) => r.metrics[m] !== undefined).map((r, i) => {
    const points = r.history.filter((h) => h[m] !== undefined).map((h) => ({ x: h[x], y: h[m] }));
    if (!points.length && r[x] !== null) points.push({ x: r[x], y: r.metrics[m] });
    return { ...lineOf(called(r), points, colour(chosen.size ? i : papers.indexOf(r.paper))), row: r };
  }).filter((d) => d.data.length);
  const sets = new Set(runs.map((r) => r.set)), far = Math.max(1e-9, ...lines.flatMap((d) => d.data.map((p) => p.x)));
  const theirs = published(chosen.size ? all.filter((r) => sets.has(r.set) && runs.some((q) => q.paper === r.paper)) : list, m);
  const marks = theirs.map((r) => ({ ...lineOf(`published: ${r.paper}, ${r.model.slice(0, 32)}`, [{ x: 0, y: r.metrics[m] }, { x: far, y: r.metrics[m] }],
    colour(papers.indexOf(r.paper))), row: r, borderDash: [6, 5], borderWidth: 1.5, pointRadius: 3, pointStyle: "triangle" }));
  if (chart) chart.destroy();
  $("nocurves").hidden = lines.length > 0;
  $("plot").hidden = lines.length === 0;
  const legend = lines.length + marks.length <= NAMED;
  $("many").hidden = legend;
  chart = new Chart($("chart"), { type: "scatter", data: { datasets: [...lines, ...marks] },
    options: options($("x").selectedOptions[0].textContent, title(m), $("log").checked, legend,
      (event, hit) => { if (hit.length) detail(chart.data.datasets[hit[0].datasetIndex].row); }) });
};
