"use strict";
(() => {
  const { rows, published, titles } = JSON.parse(document.getElementById("data").textContent);
  const metrics = Object.fromEntries(titles.map((t) => [t.name, t])), names = titles.map((t) => t.name);
  const $ = (id) => document.getElementById(id);
  const FACTS = { dataset: "data set", paper: "paper", recipe: "recipe", model: "model", measured: "measured", kimg: "kimg",
    hours: "hours", hardware: "hardware", seed: "seed", ema: "average of G", precision: "precision", commit: "commit",
    date: "date", file: "row", table: "table", note: "note", verified: "checked in the paper" };

  const ours = rows.map((r) => ({ ...r, kind: "ours", what: r.recipe,
    group: `${r.dataset}, ${r.resolution} px \u00b7 ${r.measured}` }));
  const theirs = published.map((r) => ({ ...r, kind: "published", what: r.model,
    group: `${r.dataset}, ${r.resolution} px \u00b7 published: ${r.protocol}`, measured: r.protocol }));
  const all = [...ours, ...theirs];
  const title = (m) => metrics[m].title + (metrics[m].higher ? " \u2191" : " \u2193");
  const show = (v) => (v === undefined || v === null ? ""
    : Math.abs(v) >= 1e4 ? Math.round(v).toLocaleString("en") : String(Number(Number(v).toPrecision(4))));

  const fill = (id, values, first) => {
    $(id).replaceChildren(...[["", first], ...values.map((v) => [v, v])].map(([value, text]) => new Option(text, value)));
  };
  const distinct = (key, list) => [...new Set(list.map((r) => r[key]))].filter(Boolean).sort();
  fill("dataset", distinct("set", all), "all");
  fill("paper", distinct("paper", all), "all");
  fill("protocol", distinct("protocol", ours), "all");

  const chosen = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((r) => (!$("dataset").value || r.set === $("dataset").value)
      && (!$("paper").value || r.paper === $("paper").value)
      && (!$("protocol").value || r.protocol === $("protocol").value)
      && (!$("kind").value || r.kind === $("kind").value)
      && words.every((w) => `${r.group} ${r.paper} ${r.what} ${r.hardware || ""} ${r.note || ""}`.toLowerCase().includes(w)));
  };

  const columns = (list) => {
    const has = (key) => list.some((r) => r[key] !== undefined && r[key] !== null && r[key] !== "");
    const numeric = (field, heading) => ({ title: heading, field, sorter: "number", hozAlign: "right",
      sorterParams: { alignEmptyValues: "bottom" } });
    const measures = (m) => metrics[m].column && list.some((r) => r.metrics[m] !== undefined);
    const measured = names.filter(measures).map((m) => ({ ...numeric(`metrics.${m}`, title(m)),
      headerSortStartingDir: metrics[m].higher ? "desc" : "asc",
      formatter: (cell) => { const r = cell.getRow().getData(), s = r.spread && r.spread[m];
        const times = r.floor && r.floor[m];
        return show(cell.getValue()) + (s ? ` \u00b1 ${show(s)}` : "") + (times ? ` (${Number(times.toPrecision(3))}x)` : ""); } }));
    const some = [
      { title: "samples", field: "samples", headerSort: false, formatter: (c) => (c.getValue() ? '<span class="link">grid</span>' : "") },
      numeric("kimg", "kimg"), numeric("hours", "hours"), numeric("seed", "seed"),
      { title: "hardware", field: "hardware" }, { title: "commit", field: "commit" }, { title: "date", field: "date" },
      { title: "note", field: "note", widthGrow: 2 }].filter((c) => has(c.field))
      .map((c) => (["kimg", "hours"].includes(c.field) ? { ...c, formatter: (x) => show(x.getValue()) } : c));
    return [{ title: "paper", field: "paper", frozen: true }, { title: "recipe or model", field: "what", widthGrow: 2, maxWidth: innerWidth > 700 ? 320 : 150 },
      ...measured, ...some];
  };

  const table = new Tabulator("#table", { data: [], columns: columns(all), layout: "fitDataFill", maxHeight: "70vh",
    groupBy: "group", placeholder: "No row of this choice.", initialSort: [],
    groupHeader: (value, count) => { const t = document.createElement("div");
      t.textContent = value; return `${t.innerHTML} <span>(${count})</span>`; } });
  table.on("rowClick", (event, row) => detail(row.getData()));

  const detail = (r) => {
    $("what").textContent = `${r.paper}, ${r.what}`;
    $("grid").hidden = !r.samples;
    if (r.samples) { $("grid").src = r.samples; $("grid").alt = `Uncurated samples of ${r.paper}, ${r.what}`; }
    const facts = [...Object.entries(r.metrics).map(([m, v]) => [title(m), v + (r.spread && r.spread[m] ? ` \u00b1 ${r.spread[m]}` : "")]),
      ...Object.entries(r.floor || {}).map(([m, v]) => [`${title(m)} as a multiple of real images'`, v]),
      ...Object.entries(FACTS).map(([key, name]) => [name, r[key]]),
      ...Object.entries(r.notes || {}).map(([m, text]) => [`about ${m}`, text]),
      ...Object.entries(r.absent || {}).map(([m, text]) => [`no ${m}`, text])];
    $("facts").replaceChildren(...facts.filter(([, v]) => v !== undefined && v !== null && v !== "").flatMap(([name, v]) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name;
      if (name === "row") { const a = document.createElement("a"); a.href = v; a.textContent = v; a.className = "link"; dd.append(a); }
      else dd.textContent = v;
      return [dt, dd];
    }));
    $("detail").showModal();
  };
  $("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });

  // one colour a paper, for as many papers as there are; hues are the golden angle apart
  const papers = distinct("paper", all);
  const colour = (paper, dark) => `hsl(${(papers.indexOf(paper) * 137.5 + 205) % 360} 65% ${dark ? 65 : 40}%)`;
  const withCurve = names.filter((m) => ours.some((r) => r.metrics[m] !== undefined));
  $("metric").replaceChildren(...withCurve.map((m) => new Option(title(m), m)));
  let chart;
  const draw = () => {
    const m = $("metric").value, x = $("x").value, list = chosen();
    const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--soft"), line = style.getPropertyValue("--line");
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const curves = list.filter((r) => r.kind === "ours" && r.metrics[m] !== undefined).map((r) => {
      const points = r.history.filter((h) => h[m] !== undefined).map((h) => ({ x: h[x], y: h[m] }));
      if (!points.length && r[x] !== null) points.push({ x: r[x], y: r.metrics[m] });
      const c = colour(r.paper, dark);
      return { label: `${r.paper} ${r.recipe}${r.seed === null ? "" : `, seed ${r.seed}`}`, data: points, row: r, showLine: true, borderColor: c,
        backgroundColor: c, borderWidth: 2, pointRadius: points.length > 1 ? 2.5 : 5, tension: 0 };
    }).filter((d) => d.data.length);
    const far = Math.max(1e-9, ...curves.flatMap((d) => d.data.map((p) => p.x)));
    const best = {};
    for (const r of list.filter((q) => q.kind === "published" && q.model !== "real data" && q.metrics[m] !== undefined)) {
      const sign = metrics[m].higher ? -1 : 1, key = `${r.paper} ${r.set}`, old = best[key];
      const checked = (q) => (q.verified === "yes" ? 0 : 1);  // a checked number stands for its paper before others
      if (!old || checked(r) < checked(old) || (checked(r) === checked(old) && sign * r.metrics[m] < sign * old.metrics[m])) best[key] = r;
    }
    const marks = Object.values(best).map((r) => ({ label: `published: ${r.paper}, ${r.model.slice(0, 32)}`, row: r, showLine: true, borderDash: [6, 5],
      borderColor: colour(r.paper, dark), backgroundColor: colour(r.paper, dark), borderWidth: 1.5, pointRadius: 3, pointStyle: "triangle",
      data: [{ x: 0, y: r.metrics[m] }, { x: far, y: r.metrics[m] }] }));
    if (chart) chart.destroy();
    $("nocurves").hidden = curves.length > 0;
    $("plot").hidden = curves.length === 0;
    const axis = (text, type) => ({ type, title: { display: true, text, color: ink }, ticks: { color: ink }, grid: { color: line } });
    chart = new Chart($("chart"), { type: "scatter", data: { datasets: [...curves, ...marks] },
      options: { animation: false, responsive: true, maintainAspectRatio: false,
        scales: { x: axis($("x").selectedOptions[0].textContent, "linear"), y: axis(title(m), $("log").checked ? "logarithmic" : "linear") },
        plugins: { legend: { position: innerWidth > 800 ? "right" : "bottom", labels: { color: ink, boxWidth: 14, boxHeight: 2 } } },
        onClick: (event, hit) => { if (hit.length) detail(chart.data.datasets[hit[0].datasetIndex].row); } } });
  };

  const update = () => {
    const list = chosen();
    table.setColumns(columns(list));
    table.replaceData(list);
    $("count").textContent = `${list.length} of ${all.length} rows`;
    draw();
  };
  for (const id of ["dataset", "paper", "protocol", "kind"]) $(id).addEventListener("change", update);
  $("search").addEventListener("input", update);
  for (const id of ["metric", "x", "log"]) $(id).addEventListener("change", draw);
  for (const id of ["filters", "axes"]) $(id).addEventListener("submit", (event) => event.preventDefault());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  table.on("tableBuilt", () => { update(); document.body.dataset.ready = "yes"; });
})();
