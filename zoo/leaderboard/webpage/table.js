"use strict";
// The table: groups of rows measured in the same way, virtual rows of one height.
const text = (of) => (cell) => { const t = el("span", {}, String(of(cell.getRow().getData()) ?? "")); return t; };
const numeric = (field, heading, of) => ({ title: heading, field, sorter: "number", hozAlign: "right", formatter: text(of),
  sorterParams: { alignEmptyValues: "bottom" } });

const pick = (r) => {
  if (r.kind === "published") return "";
  return el("input", { type: "checkbox", checked: chosen.has(r.id), "aria-label": `Choose ${called(r)}`, onclick: (event) => event.stopPropagation(),
    onchange: (event) => { chosen[event.target.checked ? "add" : "delete"](r.id); choose(); } });
};

const beside = (r) => {
  if (!r.beside) return "";
  const words = `${r.beside.model}; ${r.beside.protocol}`;
  return el("span", { className: "beside", title: `${r.beside.values}: ${words}` },
    el("span", {}, r.beside.values), el("small", {}, words));
};

const columns = (list) => {
  const has = (key) => list.some((r) => r[key] !== undefined && r[key] !== null && r[key] !== "");
  const narrow = innerWidth <= 700;
  const measured = names.filter((m) => metrics[m].column && list.some((r) => r.metrics[m] !== undefined)).map((m) => ({
    ...numeric(`metrics.${m}`, title(m), (r) => withSpread(r, m)), headerSortStartingDir: metrics[m].higher ? "desc" : "asc" }));
  const some = [numeric("kimg", "kimg", (r) => show(r.kimg)), numeric("hours", "hours", (r) => show(r.hours)),
    numeric("seed", "seed", (r) => r.seed),
    ...["hardware", "commit", "date", "note"].map((f) => ({ title: f, field: f, formatter: text((r) => r[f]), maxWidth: 320 })),
  ].filter((c) => has(c.field));
  const own = (field, heading, make, more) => ({ title: heading, field, headerSort: false, formatter: (c) => make(c.getRow().getData()), ...more });
  const found = [
    own("id", "choose", pick, { width: 76, hozAlign: "center", frozen: !narrow }),
    { title: "paper", field: "paper", formatter: text((r) => r.paper), frozen: true },
    { title: "recipe or model", field: "what", maxWidth: narrow ? 150 : 300, formatter: (c) => {
      const r = c.getRow().getData();
      return el("button", { type: "button", className: "link", title: r.what, onclick: (event) => { event.stopPropagation(); detail(r); } }, r.what); } },
    ...(has("samples") ? [own("samples", "samples", thumbnail, { width: 156 })] : []),
    ...measured.slice(0, 1),
    ...(has("beside") ? [own("beside", "published, its own protocol", beside, { width: 230 })] : []),
    ...measured.slice(1), ...some];
  // as text, not as markup: a metric's name is a row's
  return found.map((c) => ({ ...c, titleFormatter: (cell) => el("span", {}, cell.getValue()) }));
};

const table = new Tabulator("#table", { data: [], columns: columns(all), layout: "fitDataFill", maxHeight: "70vh", index: "id",
  nestedFieldSeparator: false, rowHeight: 56, columnDefaults: { vertAlign: "middle" }, groupBy: "group", placeholder: "No row of this choice.", initialSort: [],
  groupHeader: (value, count) => el("span", {}, value, el("span", { className: "small" }, ` (${count})`)) });
const built = new Promise((done) => { table.on("tableBuilt", done); });
table.on("rowClick", (event, row) => { if (!event.target.closest("input, button")) detail(row.getData()); });

// headers by keyboard: Tab to one, Enter sorts
const reachable = () => {
  for (const header of document.querySelectorAll("#table .tabulator-col.tabulator-sortable")) header.tabIndex = 0;
};
$("table").addEventListener("keydown", (event) => {
  const header = event.target.closest(".tabulator-col.tabulator-sortable");
  if (!header || (event.key !== "Enter" && event.key !== " ") || event.target !== header) return;
  event.preventDefault();
  header.click();
});

// paper has no scrolling: printing shows every row of the choice as a plain table
addEventListener("beforeprint", () => {
  const list = selected();
  const words = (r, c) => (c.field === "beside" ? (r.beside ? `${r.beside.values}: ${r.beside.model}; ${r.beside.protocol}` : "")
    : c.field.startsWith("metrics.") ? withSpread(r, c.field.slice(8)) : ["kimg", "hours"].includes(c.field) ? show(r[c.field]) : r[c.field] ?? "");
  $("printed").replaceChildren(...distinct("group", list).flatMap((group) => {
    const rows = list.filter((r) => r.group === group), shown = columns(rows).filter((c) => !["id", "samples"].includes(c.field));
    return [el("h3", {}, group), plainTable(shown.map((c) => c.title), rows.map((r) => shown.map((c) => words(r, c))))];
  }));
});
addEventListener("afterprint", () => $("printed").replaceChildren());
