"use strict";
// Volumes, colours and pictures from above. A volume is [x, y, z] of class ids, 255 unknown, 254 not scored.
const data = JSON.parse(document.getElementById("data").textContent);
const space = data.space, [NX, NY, NZ] = space.shape, UNKNOWN = 255, UNSCORED = 254;
const BACK = [24, 26, 30], GREY = [92, 97, 106];
const KINDS = [["right", [0, 140, 110]], ["other class", [240, 200, 60]], ["missing", [215, 65, 155]], ["added", [85, 150, 240]]];
const state = {frame: 0, palette: "own", hidden: new Set(), volumes: {}};
const TITLES = {before: "before", now: "now", truth: "truth"};

const colour = id => space[state.palette][id];
const solid = id => id !== space.free && id < UNSCORED;
const element = (name, attributes = {}, ...inside) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
};

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Draws [x, y] cells of a picture whose car looks up, and beside them the scale, the car and where it heads.
function canvasOf(paint, frame) {
  const canvas = element("canvas", {width: NY, height: NX}), context = canvas.getContext("2d");
  const image = context.createImageData(NY, NX);
  for (let x = 0; x < NX; x++) for (let y = 0; y < NY; y++) {
    const [r, g, b] = paint(x, y), at = 4 * ((NX - 1 - x) * NY + (NY - 1 - y));
    image.data.set([r, g, b, 255], at);
  }
  context.putImageData(image, 0, 0);
  const zoom = Math.max(1, Math.round(512 / Math.max(NX, NY)));
  const large = element("canvas", {width: NY * zoom, height: NX * zoom}), pen = large.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, 0, 0, large.width, large.height);
  mark(pen, frame, zoom);
  return large;
}

function mark(pen, frame, zoom) {
  const place = (x, y) => [(NY - (y - space.origin[1]) / space.voxel) * zoom, (NX - (x - space.origin[0]) / space.voxel) * zoom];
  const [x, y, u, v] = frame.car, long = 4.5, wide = 1.9;
  const corner = (a, b) => place(x + a * u - b * v, y + a * v + b * u);
  pen.lineWidth = 2; pen.strokeStyle = "#fff"; pen.fillStyle = "#fff";
  pen.beginPath();
  [[-long / 2, -wide / 2], [-long / 2, wide / 2], [long / 2, wide / 2], [long / 2 + 1.2, 0], [long / 2, -wide / 2]]
    .forEach(([a, b], n) => pen[n ? "lineTo" : "moveTo"](...corner(a, b)));
  pen.closePath(); pen.stroke();
  if (frame.box) {
    const {centre: [bx, by], size: [length, width], yaw} = frame.box, c = Math.cos(yaw), s = Math.sin(yaw);
    pen.strokeStyle = "#ffe34d";
    pen.beginPath();
    [[1, 1], [1, -1], [-1, -1], [-1, 1]].forEach(([a, b], n) => {
      const [p, q] = [a * length / 2, b * width / 2];
      pen[n ? "lineTo" : "moveTo"](...place(bx + p * c - q * s, by + p * s + q * c));
    });
    pen.closePath(); pen.stroke();
  }
  const metres = 10, length = metres / space.voxel * zoom, bottom = NX * zoom - 10;
  pen.fillRect(10, bottom - 3, length, 3);
  pen.font = "14px system-ui, sans-serif"; pen.lineWidth = 3; pen.strokeStyle = "#000";
  pen.strokeText(`${metres} m`, 12, bottom - 8); pen.fillText(`${metres} m`, 12, bottom - 8);
}

// Whether a voxel lies in the box of the frame, where it has one.
function inside(box, x, y, z) {
  const at = [x, y, z].map((cell, n) => space.origin[n] + (cell + 0.5) * space.voxel - box.centre[n]);
  const c = Math.cos(box.yaw), s = Math.sin(box.yaw), turned = [at[0] * c + at[1] * s, at[1] * c - at[0] * s, at[2]];
  return turned.every((part, n) => Math.abs(part) <= box.size[n] / 2);
}

// The highest occupied voxel of each column, in the colour of the legend.
function above(volume) {
  return (x, y) => {
    const start = (x * NY + y) * NZ;
    let known = false;
    for (let z = NZ - 1; z >= 0; z--) {
      const id = volume[start + z];
      if (id < UNSCORED) known = true;
      if (solid(id) && !state.hidden.has(id)) return colour(id);
    }
    return known ? BACK : GREY;
  };
}

// Of each column the most frequent kind of difference from a to b, over what is scored in both.
function difference(a, b) {
  return (x, y) => {
    const start = (x * NY + y) * NZ, counts = [0, 0, 0, 0];
    for (let z = 0; z < NZ; z++) {
      const p = a[start + z], q = b[start + z];
      if (p === UNSCORED || q === UNSCORED) continue;
      if (solid(p) && solid(q)) counts[p === q ? 0 : 1]++;
      else if (solid(p)) counts[2]++;
      else if (solid(q)) counts[3]++;
    }
    const most = Math.max(...counts);
    return most ? KINDS[counts.indexOf(most)][1] : BACK;
  };
}

function drawMaps() {
  const frame = data.frames[state.frame], maps = document.getElementById("maps"), {before, now, truth} = state.volumes;
  const put = (title, paint) => maps.append(element("figure", {}, canvasOf(paint, frame), element("figcaption", {}, title)));
  maps.replaceChildren();
  if (before) put("before, from above", above(before));
  put("now, from above", above(now));
  if (truth) put("truth, from above; grey is not scored", above(truth));
  if (truth) put("from the truth to now: what differs", difference(truth, now));
  if (before) put("from before to now: what differs", difference(before, now));
  document.getElementById("frame-title").textContent = `log ${frame.log}, frame ${frame.name}: ${frame.why}`;
}

function drawLegend() {
  const legend = document.getElementById("legend"), swatch = ([r, g, b]) => {
    const made = element("i", {class: "swatch"});
    made.style.background = `rgb(${r},${g},${b})`;
    return made;
  };
  legend.replaceChildren();
  space.names.forEach((name, id) => {
    if (id === space.free) return;
    const button = element("button", {type: "button", "aria-pressed": String(!state.hidden.has(id))}, swatch(colour(id)), name);
    button.addEventListener("click", () => {
      state.hidden.has(id) ? state.hidden.delete(id) : state.hidden.add(id);
      button.setAttribute("aria-pressed", String(!state.hidden.has(id)));
      redraw();
    });
    legend.append(button);
  });
  legend.append(element("span", {}, swatch(BACK), "free"), element("span", {}, swatch(GREY), "unknown"));
  if (state.volumes.truth || state.volumes.before)
    for (const [name, kind] of KINDS) legend.append(element("span", {}, swatch(kind), `differs: ${name}`));
}

function drawSwatches() {
  for (const swatch of document.querySelectorAll(".swatch[data-class]"))
    swatch.style.background = `rgb(${colour(Number(swatch.dataset.class))})`;
}

function drawHeat() {
  const canvas = document.getElementById("heat");
  if (!canvas || !data.heat) return;
  const cells = data.heat.changed, rows = cells.length, columns = cells[0].length, most = Math.max(...cells.flat(), 1e-9);
  canvas.width = columns; canvas.height = rows;
  const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
  cells.forEach((row, x) => row.forEach((value, y) => {
    const t = Math.sqrt(value / most), at = 4 * ((rows - 1 - x) * columns + (columns - 1 - y));
    image.data.set([24 + 231 * t, 26 + 190 * t * t, 30 + 90 * t * (1 - t), 255], at);
  }));
  context.putImageData(image, 0, 0);
  document.getElementById("heat-scale").textContent =
    `black none, bright ${most.toPrecision(3)} in ${data.heat.cell.toFixed(1)} m square`;
}

async function choose(index) {
  state.frame = index;
  const frame = data.frames[index];
  state.volumes = {};
  for (const [name, text] of Object.entries(frame.volumes)) state.volumes[name] = await inflated(text);
  for (const button of document.querySelectorAll("#picks button"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.frame) === index));
  for (const figure of document.querySelectorAll(".cameras figure")) figure.hidden = Number(figure.dataset.frame) !== index;
  drawMaps(); drawLegend(); viewer.show();
}

function redraw() {
  drawSwatches();
  if (state.volumes.now) { drawMaps(); drawLegend(); viewer.show(); }
}
