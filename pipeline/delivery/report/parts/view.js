"use strict";
// Labels in space: every voxel with a free side is a cube, drawn as instances; the eye turns around a point.
const viewer = (() => {
  const canvas = document.getElementById("view");
  if (!canvas) return {show() {}};
  const gl = canvas.getContext("webgl2", {antialias: true}), said = document.getElementById("view-said");
  if (!gl) { said.textContent = "This browser has no WebGL 2, so nothing turns here."; return {show() {}}; }
  const MOST = 400000;
  const HOME = {yaw: -2.7, pitch: 0.7, far: 0.8, x: 0, y: 0};
  const eye = {...HOME};
  let chosen = "now", count = 0, turning = 0;

  const program = gl.createProgram();
  const shader = (kind, text) => {
    const made = gl.createShader(kind);
    gl.shaderSource(made, text); gl.compileShader(made);
    if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made));
    gl.attachShader(program, made);
  };
  shader(gl.VERTEX_SHADER, `#version 300 es
    in vec3 corner; in vec3 side; in vec3 cell; in vec3 tint;
    uniform mat4 seen; out vec3 shown;
    void main() {
      gl_Position = seen * vec4(cell + corner, 1.0);
      float light = 0.62 + 0.38 * max(dot(side, normalize(vec3(0.35, 0.5, 0.8))), 0.0);
      shown = tint * light;
    }`);
  shader(gl.FRAGMENT_SHADER, `#version 300 es
    precision mediump float; in vec3 shown; out vec4 made;
    void main() { made = vec4(shown, 1.0); }`);
  gl.linkProgram(program); gl.useProgram(program);

  const corners = [], sides = [];
  for (const axis of [0, 1, 2]) for (const end of [0, 1]) {
    const [a, b] = [0, 1, 2].filter(other => other !== axis), at = (p, q) => {
      const corner = [0, 0, 0];
      corner[axis] = end; corner[a] = p; corner[b] = q;
      return corner;
    };
    const side = [0, 0, 0];
    side[axis] = 2 * end - 1;
    for (const corner of [at(0, 0), at(1, 0), at(1, 1), at(0, 0), at(1, 1), at(0, 1)]) { corners.push(...corner); sides.push(...side); }
  }
  const buffer = (name, values, type, size, each, whole = false) => {
    const made = gl.createBuffer(), place = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, made);
    if (values) gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, type, whole, 0, 0);
    gl.vertexAttribDivisor(place, each);
    return made;
  };
  buffer("corner", new Float32Array(corners), gl.FLOAT, 3, 0);
  buffer("side", new Float32Array(sides), gl.FLOAT, 3, 0);
  const cells = buffer("cell", null, gl.UNSIGNED_SHORT, 3, 1), tints = buffer("tint", null, gl.UNSIGNED_BYTE, 3, 1, true);
  gl.enable(gl.DEPTH_TEST);

  function fill() {
    const volume = state.volumes[chosen] || state.volumes.now, found = [];
    const open = at => !solid(volume[at]) || state.hidden.has(volume[at]);
    for (let x = 0, at = 0; x < NX; x++) for (let y = 0; y < NY; y++) for (let z = 0; z < NZ; z++, at++) {
      if (open(at)) continue;
      if (!x || !y || !z || x === NX - 1 || y === NY - 1 || z === NZ - 1 || open(at - 1) || open(at + 1) ||
          open(at - NZ) || open(at + NZ) || open(at - NY * NZ) || open(at + NY * NZ)) found.push(at);
    }
    const step = Math.ceil(found.length / MOST);
    count = Math.ceil(found.length / step) || 0;
    const where = new Uint16Array(3 * count), tint = new Uint8Array(3 * count), box = data.frames[state.frame].box;
    for (let n = 0; n < count; n++) {
      const at = found[n * step], z = at % NZ, y = Math.floor(at / NZ) % NY, x = Math.floor(at / (NZ * NY));
      const shade = !box || inside(box, x, y, z) ? 1 : 0.4;
      where.set([x, y, z], 3 * n); tint.set(colour(volume[at]).map(part => part * shade), 3 * n);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, cells); gl.bufferData(gl.ARRAY_BUFFER, where, gl.STATIC_DRAW);
    gl.bindBuffer(gl.ARRAY_BUFFER, tints); gl.bufferData(gl.ARRAY_BUFFER, tint, gl.STATIC_DRAW);
    said.textContent = `${found.length.toLocaleString("en")} voxels have a free side` + (step > 1 ? `, one in ${step} is drawn.` : ".");
  }

  function draw() {
    const ratio = Math.min(devicePixelRatio || 1, 2), width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    gl.viewport(0, 0, width, height);
    gl.clearColor(BACK[0] / 255, BACK[1] / 255, BACK[2] / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(gl.getUniformLocation(program, "seen"), false, camera(width / height));
    gl.drawArraysInstanced(gl.TRIANGLES, 0, 36, count);
  }

  function camera(aspect) {
    const size = Math.max(NX, NY), far = eye.far * size, c = Math.cos(eye.pitch), s = Math.sin(eye.pitch);
    const back = [c * Math.cos(eye.yaw), c * Math.sin(eye.yaw), s], right = [-Math.sin(eye.yaw), Math.cos(eye.yaw), 0];
    const up = [-s * Math.cos(eye.yaw), -s * Math.sin(eye.yaw), c];
    const middle = [NX / 2, NY / 2, NZ / 3].map((m, n) => m + size * (eye.x * right[n] + eye.y * up[n]));
    const from = middle.map((m, n) => m + far * back[n]), dot = (p, q) => p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
    const view = [right, up, back].map(axis => [...axis, -dot(axis, from)]);
    const f = 1.7, near = far / 50, end = far + 2 * size, depth = (end + near) / (near - end), shift = 2 * end * near / (near - end);
    const rows = [view[0].map(v => v * f / aspect), view[1].map(v => v * f), view[2].map((v, n) => v * depth + (n === 3 ? shift : 0)), view[2].map(v => -v)];
    return new Float32Array([0, 1, 2, 3].flatMap(column => rows.map(row => row[column])));
  }

  function pick() {
    const group = document.getElementById("volumes");
    group.replaceChildren(...Object.keys(state.volumes).map(name => {
      const button = element("button", {type: "button", "aria-pressed": String(name === chosen)}, TITLES[name]);
      button.addEventListener("click", () => { chosen = name; show(); });
      return button;
    }));
  }

  function show() {
    if (!state.volumes[chosen]) chosen = "now";
    pick(); fill(); draw();
  }

  const turnBy = (yaw, pitch) => { eye.yaw += yaw; eye.pitch = Math.min(1.55, Math.max(-0.2, eye.pitch + pitch)); draw(); };
  const nearer = by => { eye.far = Math.min(4, Math.max(0.05, eye.far * by)); draw(); };
  canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", event => {
    if (!event.buttons) return;
    if (event.shiftKey) { eye.x -= eye.far * event.movementX / canvas.clientWidth; eye.y += eye.far * event.movementY / canvas.clientWidth; draw(); }
    else turnBy(-event.movementX * 0.008, event.movementY * 0.008);
  });
  canvas.addEventListener("wheel", event => { event.preventDefault(); nearer(Math.exp(event.deltaY * 0.001)); }, {passive: false});
  canvas.addEventListener("keydown", event => {
    const does = {ArrowLeft: () => turnBy(-0.1, 0), ArrowRight: () => turnBy(0.1, 0), ArrowUp: () => turnBy(0, 0.1), ArrowDown: () => turnBy(0, -0.1),
      "+": () => nearer(0.9), "=": () => nearer(0.9), "-": () => nearer(1.1)}[event.key];
    if (does) { event.preventDefault(); does(); }
  });
  document.getElementById("home").addEventListener("click", () => { Object.assign(eye, HOME); draw(); });
  const turn = document.getElementById("turn");
  const step = () => { if (turning) { turnBy(0.006, 0); turning = requestAnimationFrame(step); } };
  turn.addEventListener("click", () => {
    if (turning) { cancelAnimationFrame(turning); turning = 0; } else turning = requestAnimationFrame(step);
    turn.setAttribute("aria-pressed", String(Boolean(turning)));
  });
  new ResizeObserver(draw).observe(canvas);
  return {show};
})();

for (const button of document.querySelectorAll("#picks button")) button.addEventListener("click", () => choose(Number(button.dataset.frame)));
document.getElementById("palette").addEventListener("change", event => { state.palette = event.target.value; redraw(); });
document.getElementById("theme").addEventListener("change", event => {
  if (event.target.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = event.target.value;
});
drawSwatches(); drawHeat();
if (data.frames.length) choose(0);
