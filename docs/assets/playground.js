/* The playground: runs the XOR model that an example exported, with ONNX Runtime Web, once the reader asks for it. */
(() => {
  "use strict";

  const LOW = -0.5, HIGH = 1.5, SIDE = 201;
  const LEFT = 28, TOP = 8, SIZE = 220; // the map, in units of the drawing
  // Purple, white, orange: apart for colour-blind eyes, and on light and dark pages alike.
  const COLORS = [[84, 39, 136], [178, 171, 210], [247, 247, 247], [253, 184, 99], [179, 88, 6]];
  const TICKS = [-0.5, 0, 0.5, 1, 1.5];

  const root = document.querySelector(".tdl-playground");
  const find = (selector) => root.querySelector(selector);
  const button = find("button"), status = find(".tdl-playground-status");
  const sliders = { x1: find("#tdl-x1"), x2: find("#tdl-x2") };

  const across = (x1) => LEFT + (x1 - LOW) / (HIGH - LOW) * SIZE;
  const down = (x2) => TOP + (HIGH - x2) / (HIGH - LOW) * SIZE;
  const signed = (number, digits) => number.toFixed(digits).replace("-", "\u2212");

  /* ---- The model ---- */

  function script(url) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = url;
      element.onload = resolve;
      element.onerror = () => reject(new Error(`${url} could not be read`));
      document.head.append(element);
    });
  }

  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

  /** Starts the runtime; resolves to a function from pairs of inputs, one after another, to outputs. */
  async function load() {
    await script(root.dataset.runtime);
    const { loader, model, wasm } = globalThis.tdlPlayground;
    const unpacked = new Blob([bytes(wasm)]).stream().pipeThrough(new DecompressionStream("gzip"));
    const settings = ort.env.wasm;
    settings.wasmBinary = await new Response(unpacked).arrayBuffer();
    settings.wasmPaths = { mjs: URL.createObjectURL(new Blob([loader], { type: "text/javascript" })) };
    settings.numThreads = 1; // more would need a server that sends special headers
    const session = await ort.InferenceSession.create(bytes(model), { executionProviders: ["wasm"] });
    delete globalThis.tdlPlayground; // 5 MB that nobody needs again
    return async (pairs) => {
      const input = new ort.Tensor("float32", Float32Array.from(pairs), [pairs.length / 2, 2]);
      const results = await session.run({ [session.inputNames[0]]: input });
      return results[session.outputNames[0]].data;
    };
  }

  /* ---- The map ---- */

  function color(share) {
    const place = Math.min(Math.max(share, 0), 1) * (COLORS.length - 1);
    const below = Math.min(Math.floor(place), COLORS.length - 2);
    return COLORS[below].map((from, i) => Math.round(from + (COLORS[below + 1][i] - from) * (place - below)));
  }

  /** A picture with one pixel an output; row 0 of the outputs is at the bottom. */
  function picture(outputs, columns, rows) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    outputs.forEach((output, i) => {
      const row = rows - 1 - Math.floor(i / columns);
      image.data.set([...color(output), 255], 4 * (row * columns + i % columns));
    });
    context.putImageData(image, 0, 0);
    return canvas.toDataURL();
  }

  /** Where the outputs cross 0.5: for each square of four neighbours the line through it, as an SVG path. */
  function boundary(outputs) {
    const step = (HIGH - LOW) / (SIDE - 1), at = (i, j) => outputs[i * SIDE + j] - 0.5;
    let path = "";
    for (let i = 0; i + 1 < SIDE; i++) {
      for (let j = 0; j + 1 < SIDE; j++) {
        const corners = [[i, j], [i, j + 1], [i + 1, j + 1], [i + 1, j]];
        const crossings = [];
        corners.forEach(([i1, j1], n) => {
          const [i2, j2] = corners[(n + 1) % 4], first = at(i1, j1), second = at(i2, j2);
          if ((first > 0) === (second > 0)) return;
          const share = first / (first - second);
          const x1 = LOW + (j1 + (j2 - j1) * share) * step, x2 = LOW + (i1 + (i2 - i1) * share) * step;
          crossings.push(`${across(x1).toFixed(2)} ${down(x2).toFixed(2)}`);
        });
        for (let n = 0; n + 1 < crossings.length; n += 2) path += `M${crossings[n]}L${crossings[n + 1]}`;
      }
    }
    return path;
  }

  function drawing(outputs) {
    const ticks = TICKS.map((tick) => `
      <text x="${across(tick)}" y="${TOP + SIZE + 14}" text-anchor="middle">${signed(tick, 1)}</text>
      <text x="${LEFT - 5}" y="${down(tick) + 3.5}" text-anchor="end">${signed(tick, 1)}</text>`).join("");
    const corners = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([x1, x2]) => (x1 === x2
      ? `<circle class="mark" cx="${across(x1)}" cy="${down(x2)}" r="5"/>`
      : `<rect class="mark" x="${across(x1) - 4.5}" y="${down(x2) - 4.5}" width="9" height="9"/>`)).join("");
    const bar = LEFT + SIZE + 14;
    const scale = picture(Array.from({ length: 64 }, (_, i) => i / 63), 1, 64);
    const shades = [0, 0.5, 1].map((share) =>
      `<text x="${bar + 15}" y="${TOP + SIZE * (1 - share) + 3.5}">${share}</text>`).join("");
    return `<svg viewBox="0 0 ${bar + 34} ${TOP + SIZE + 34}" role="img" aria-label="Map of the model's output over x1
      and x2 from −0.5 to 1.5: near 1 in a band that holds the points (0,1) and (1,0), near 0 on both sides of it.">
      <image href="${picture(outputs, SIDE, SIDE)}" x="${LEFT}" y="${TOP}" width="${SIZE}" height="${SIZE}"/>
      <path class="boundary" d="${boundary(outputs)}"/>
      <rect class="frame" x="${LEFT}" y="${TOP}" width="${SIZE}" height="${SIZE}"/>${ticks}${corners}
      <text x="${across(0.5)}" y="${TOP + SIZE + 29}" text-anchor="middle">x1</text>
      <text x="${LEFT - 14}" y="${down(0.75) + 3.5}" text-anchor="middle">x2</text>
      <image href="${scale}" x="${bar}" y="${TOP}" width="10" height="${SIZE}" preserveAspectRatio="none"/>${shades}
      <g class="input"><circle r="9"/><circle r="9"/></g></svg>`;
  }

  /* ---- What the reader does ---- */

  function start(model, outputs, facts) {
    find(".tdl-playground-map").innerHTML = drawing(outputs);
    const svg = find("svg"), ring = find(".input"), answer = find(".tdl-playground-answer");
    let asking = false, moved = false;

    /** Asks the model about where the sliders stand; while it is busy, only the last position counts. */
    async function ask() {
      const [x1, x2] = [sliders.x1.valueAsNumber, sliders.x2.valueAsNumber];
      ring.setAttribute("transform", `translate(${across(x1)} ${down(x2)})`);
      for (const slider of Object.values(sliders)) {
        find(`output[for=${slider.id}]`).textContent = signed(slider.valueAsNumber, 2);
      }
      moved = true;
      if (asking) return;
      asking = true;
      while (moved) {
        moved = false;
        const inputs = [sliders.x1.valueAsNumber, sliders.x2.valueAsNumber];
        const [output] = await model(inputs);
        answer.innerHTML = `Output for (${inputs.map((x) => signed(x, 2)).join(", ")}): <b>${output.toFixed(6)}</b>,
          which means <b>${output > 0.5 ? 1 : 0}</b>`;
      }
      asking = false;
    }

    function drag(event) {
      if (!event.buttons) return;
      event.preventDefault();
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      sliders.x1.value = LOW + (point.x - LEFT) / SIZE * (HIGH - LOW); // a slider keeps to its steps and ends
      sliders.x2.value = HIGH - (point.y - TOP) / SIZE * (HIGH - LOW);
      ask();
    }

    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      drag(event);
    });
    svg.addEventListener("pointermove", drag);
    for (const slider of Object.values(sliders)) slider.addEventListener("input", ask);
    find(".tdl-playground-start").hidden = true;
    find(".tdl-playground-stage").hidden = false;
    status.textContent = facts;
    sliders.x1.focus();
    return ask();
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = "Loading …";
    try {
      const model = await load();
      const grid = [];
      for (let i = 0; i < SIDE; i++) {
        for (let j = 0; j < SIDE; j++) grid.push(...[j, i].map((n) => LOW + (HIGH - LOW) * n / (SIDE - 1)));
      }
      const began = performance.now();
      const outputs = await model(grid);
      const took = Math.ceil(performance.now() - began);
      const count = outputs.length.toLocaleString("en");
      await start(model, outputs, `ONNX Runtime Web ${ort.env.versions.web}: ${count} outputs in ${took} ms.`);
    } catch (error) {
      console.error(error);
      status.textContent = `The model could not be loaded: ${error.message}`;
      button.disabled = false;
    }
  });
  root.hidden = false;
})();
