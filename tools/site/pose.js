// A head that is turned, shaken and dragged; both of its poses by Levenberg and Marquardt, and the SVM's score.
"use strict";
(() => {
  const { model, whole, central, svm } = window.POSE;
  const FOCAL = 256; // the picture's width in pixels, as the study guesses it
  const DISTANCE = 290; // millimetres
  const INNER = 17; // landmarks from here on are the part that a swap replaces
  const LINES = [[0, 16], [17, 21], [22, 26], [27, 30], [31, 35], [36, 41, true], [42, 47, true], [48, 59, true], [60, 67, true]];

  const times = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, value, k) => sum + value * b[k][j], 0)));
  const onto = (r, x) => r.map((row) => row[0] * x[0] + row[1] * x[1] + row[2] * x[2]);
  const cross = (a) => [[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]];

  function rotation([x, y, z]) { // Rodrigues
    const angle = Math.hypot(x, y, z);
    if (angle < 1e-12) return [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    const k = cross([x / angle, y / angle, z / angle]);
    const kk = times(k, k);
    return k.map((row, i) => row.map((value, j) => (i === j) + Math.sin(angle) * value + (1 - Math.cos(angle)) * kk[i][j]));
  }
  function turned(yaw, pitch) { // degrees; about the vertical axis, then the sideways one
    const [a, b] = [yaw, pitch].map((value) => value * Math.PI / 180);
    return times(rotation([0, a, 0]), rotation([b, 0, 0]));
  }
  function angles(r) { // yaw, pitch, roll in degrees of R = Ry Rx Rz
    return [Math.atan2(r[0][2], r[2][2]), -Math.asin(Math.max(-1, Math.min(1, r[1][2]))), Math.atan2(r[1][0], r[1][1])]
      .map((value) => value * 180 / Math.PI);
  }
  function seen(x, r, t) {
    const turn = onto(r, x);
    const camera = turn.map((value, i) => value + t[i]);
    return { turn, camera, pixel: [FOCAL * camera[0] / camera[2] + FOCAL / 2, FOCAL * camera[1] / camera[2] + FOCAL / 2] };
  }

  function solved(a, b) { // the linear equations a x = b, by Gauss and Jordan with pivots
    const m = a.map((row, i) => [...row, b[i]]);
    for (let i = 0; i < m.length; i += 1) {
      const pivot = m.slice(i).reduce((best, row, k) => (Math.abs(row[i]) > Math.abs(m[best][i]) ? i + k : best), i);
      [m[i], m[pivot]] = [m[pivot], m[i]];
      m.forEach((row, k) => {
        const factor = k === i ? 0 : row[i] / m[i][i];
        m[k] = row.map((value, j) => value - factor * m[i][j]);
      });
    }
    return m.map((row, i) => row.at(-1) / row[i]);
  }

  function cost(which, points, r, t) {
    return which.reduce((sum, i) => {
      const { pixel } = seen(model[i], r, t);
      return sum + (pixel[0] - points[i][0]) ** 2 + (pixel[1] - points[i][1]) ** 2;
    }, 0);
  }

  // The pose of landmarks `which` with the smallest squared error, from a head that faces the camera.
  function solve(points, which) {
    const span = (values) => Math.max(...values) - Math.min(...values);
    let r = rotation([0, 0, 0]);
    let t = [0, 0, FOCAL * span(which.map((i) => model[i][0])) / span(which.map((i) => points[i][0]))];
    let error = cost(which, points, r, t);
    let damping = 1e-3;
    for (let step = 0; step < 100 && damping < 1e12; step += 1) {
      const normal = Array.from({ length: 6 }, () => Array(6).fill(0));
      const right = Array(6).fill(0);
      for (const i of which) {
        const { turn, camera, pixel } = seen(model[i], r, t);
        const [x, y, z] = camera;
        const byTurn = cross(turn).map((row) => row.map((value) => -value)); // of a small rotation put before r
        const rows = [[FOCAL / z, 0, -FOCAL * x / z ** 2], [0, FOCAL / z, -FOCAL * y / z ** 2]]
          .map((by) => [...times([by], byTurn)[0], ...by]);
        rows.forEach((row, axis) => row.forEach((value, j) => {
          right[j] += value * (points[i][axis] - pixel[axis]);
          row.forEach((other, k) => { normal[j][k] += value * other; });
        }));
      }
      const damped = normal.map((row, j) => row.map((value, k) => value * (j === k ? 1 + damping : 1)));
      const change = solved(damped, right);
      const [nextR, nextT] = [times(rotation(change.slice(0, 3)), r), t.map((value, i) => value + change[3 + i])];
      const next = cost(which, points, nextR, nextT);
      if (next < error) {
        const small = error - next < 1e-12 * error;
        [r, t, error, damping] = [nextR, nextT, next, damping / 10];
        if (small) break;
      } else {
        damping *= 10;
      }
    }
    return { r, t, error: Math.sqrt(error / which.length) };
  }

  function score(a, c) { // the SVM's margin of R and t differences, through the logistic function
    const feature = [...a.r.flat().map((value, i) => value - c.r.flat()[i]), ...a.t.map((value, i) => value - c.t[i])];
    const x = feature.map((value, i) => (value - svm.mean[i]) / svm.scale[i]);
    const margin = svm.support.reduce((sum, row, s) => {
      const squared = row.reduce((total, value, i) => total + (value - x[i]) ** 2, 0);
      return sum + svm.weights[s] * Math.exp(-svm.gamma[0] * squared);
    }, svm.intercept[0]);
    return 1 / (1 + Math.exp(-margin));
  }

  // Both poses of landmarks (68, 2) in pixels, and what follows from them.
  function reading(points) {
    const [a, c] = [solve(points, whole), solve(points, central)];
    const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    const cosine = (dot(a.r.flat(), c.r.flat()) - 1) / 2;
    return {
      whole: a, central: c, angle: Math.acos(Math.max(-1, Math.min(1, cosine))) * 180 / Math.PI,
      distance: 1 - dot(a.r[2], c.r[2]), pFake: score(a, c),
    };
  }
  window.poseReading = reading; // for the tests, which compare it with OpenCV's

  const lab = document.getElementById("pose-lab");
  const svg = lab.querySelector("svg");
  const inputs = [...lab.querySelectorAll("input")];
  const draw = (tag, properties, parent = svg) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
    parent.append(made);
    return made;
  };
  const lines = LINES.map(([,, closed]) => draw(closed ? "polygon" : "polyline", { class: "line" }));
  const head = draw("marker", { id: "tip", viewBox: "0 0 6 6", refX: 5, refY: 3, orient: "auto", markerWidth: 4, markerHeight: 4 });
  draw("path", { d: "M0 0 L6 3 L0 6 z", fill: "context-stroke" }, head);
  const arrows = { whole: draw("line", { class: "arrow whole", "marker-end": "url(#tip)" }), central: draw("line", { class: "arrow central", "marker-end": "url(#tip)" }) };
  const dots = model.map((_, i) => {
    const kind = central.includes(i) ? "central" : whole.includes(i) ? "whole" : "other";
    const dot = draw("circle", { class: kind, r: 3.2, "data-index": i });
    draw("title", {}, dot).textContent = `landmark ${i + 1}`;
    return dot;
  });
  const start = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
  let [seed, moved, chosen, noise] = [0, [], 30, []];

  function another() { // normal numbers from a small seeded generator, so that a draw is the same everywhere
    let state = seed * 2654435761 + 1;
    const uniform = () => {
      state = (state + 0x6D2B79F5) | 0;
      let value = Math.imul(state ^ (state >>> 15), 1 | state);
      value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
      return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    noise = model.map(() => [normal(), normal()]);
  }
  const setting = () => Object.fromEntries(inputs.map((input) => [input.name, Number(input.value)]));

  function landmarks() {
    const now = setting();
    const r = turned(now.yaw, now.pitch);
    return model.map((x, i) => {
      const shift = i >= INNER ? [now.right, now.down] : [0, 0];
      return seen(x, r, [0, -35, DISTANCE]).pixel.map((value, axis) =>
        value + now.noise * noise[i][axis] + shift[axis] + (moved[i]?.[axis] || 0));
    });
  }

  function show() {
    const points = landmarks();
    const found = reading(points);
    points.forEach(([x, y], i) => {
      dots[i].setAttribute("cx", x);
      dots[i].setAttribute("cy", y);
      dots[i].classList.toggle("chosen", i === chosen);
    });
    LINES.forEach(([from, to], k) => lines[k].setAttribute("points", points.slice(from, to + 1).join(" ")));
    for (const [name, arrow] of Object.entries(arrows)) {
      const ends = [[0, 0, 0], [0, 0, -90]].map((x) => seen(x, found[name].r, found[name].t).pixel);
      ["x1", "y1", "x2", "y2"].forEach((key, i) => arrow.setAttribute(key, ends.flat()[i]));
    }
    const rows = [["whole face", found.whole], ["central points", found.central]].map(([name, pose]) => {
      const row = document.createElement("tr");
      const cells = [name, ...angles(pose.r).map((value) => `${value.toFixed(1)}°`), `${pose.error.toFixed(1)} px`];
      row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    lab.querySelector("tbody").replaceChildren(...rows);
    lab.querySelector(".sum").textContent =
      `${found.angle.toFixed(1)}° apart, cosine distance ${found.distance.toFixed(4)}, p_fake ${found.pFake.toFixed(2)}`;
    for (const input of inputs) input.nextElementSibling.value = input.value;
  }

  const place = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const shift = (x, y) => {
    const [before, after] = moved[chosen] || [0, 0];
    moved[chosen] = [before + x, after + y];
    show();
  };
  svg.addEventListener("pointerdown", (event) => {
    const at = place(event);
    const far = landmarks().map(([x, y]) => Math.hypot(x - at.x, y - at.y));
    const nearest = far.indexOf(Math.min(...far));
    if (far[nearest] > 10) return; // a finger is wider than a point
    chosen = nearest;
    svg.setPointerCapture(event.pointerId);
    show();
  });
  svg.addEventListener("pointermove", (event) => {
    if (!svg.hasPointerCapture(event.pointerId)) return;
    const [at, [x, y]] = [place(event), landmarks()[chosen]];
    shift(at.x - x, at.y - y);
  });
  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  svg.addEventListener("keydown", (event) => {
    if (KEYS[event.key]) shift(...KEYS[event.key]);
    else if (event.key === "PageDown" || event.key === "PageUp") {
      chosen = (chosen + (event.key === "PageDown" ? 1 : model.length - 1)) % model.length;
      show();
    } else return;
    event.preventDefault();
  });
  for (const input of inputs) input.addEventListener("input", show);
  lab.querySelector("[name=draw]").addEventListener("click", () => {
    seed += 1;
    const slider = inputs.find((input) => input.name === "noise");
    if (slider.value === "0") slider.value = "1"; // otherwise nothing would change
    another();
    show();
  });
  lab.querySelector("[name=reset]").addEventListener("click", () => {
    for (const input of inputs) input.value = start[input.name];
    [seed, moved, chosen] = [0, [], 30];
    another();
    show();
  });
  lab.hidden = false;
  another();
  show();
})();
