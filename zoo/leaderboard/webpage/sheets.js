"use strict";
// Pictures of rows: a strip of cells as a thumbnail, one cell enlarged, the sheet whole.
const strip = (r, first, count, side) => {
  const [columns, , cell] = r.cells, pitch = cell + 2, scale = side / cell;
  const img = el("img", { src: address(r.samples), alt: "", loading: "lazy", decoding: "async" });
  Object.assign(img.style, { width: `${(columns * pitch + 2) * scale}px`, maxWidth: "none",
    transform: `translate(${-(2 + (first % columns) * pitch) * scale}px, ${-(2 + Math.floor(first / columns) * pitch) * scale}px)` });
  const box = el("span", { className: "strip" }, img);
  Object.assign(box.style, { width: `${(count * pitch - 2) * scale}px`, height: `${side}px` });
  return box;
};

const thumbnail = (r) => {
  if (!r.samples) return "";
  const side = 44;
  const picture = r.cells ? strip(r, 0, Math.min(3, r.cells[0]), side)
    : el("img", { src: address(r.samples), alt: "", className: "whole", loading: "lazy", decoding: "async" });
  return el("button", { type: "button", className: "thumb", title: "samples, large",
    "aria-label": `Samples of ${called(r)}, large`, onclick: (event) => { event.stopPropagation(); detail(r); } }, picture);
};

const whole = (name, alt) => el("a", { href: address(name), target: "_blank", rel: "noopener" }, el("img", { src: address(name), alt }));
