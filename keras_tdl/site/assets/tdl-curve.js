/* <tdl-curve>: sliders, read-out and table for a picture that is there already. All numbers come from its JSON. */
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const draw = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  // As Python's "%.5g", with a minus sign.
  const number = (value) => {
    if (value === null) return "not finite";
    let text = Number(value.toPrecision(5)).toString();
    if (value !== 0 && Math.abs(value) < 1e-4) text = value.toExponential(4).replace(/\.?0+e/, "e").replace(/e([+-])(\d)$/, "e$10$2");
    return text.replaceAll("-", "\u2212");
  };

  // The same projection as drawing.py.
  const projection = ({ x, y, box: [left, top, right, bottom] }) => (px, py) => {
    const up = Math.min(Math.max((py - y[0]) / (y[1] - y[0]), -2), 3);
    return [left + ((px - x[0]) / (x[1] - x[0])) * (right - left), bottom - up * (bottom - top)];
  };
  const path = (at, xs, ys, breaks = []) => {
    let text = "", down = false;
    ys.forEach((y, i) => {
      if (y === null) { down = false; return; }
      const [across, up] = at(xs[i], y);
      text += `${down ? "L" : "M"}${across.toFixed(1)} ${up.toFixed(1)}`;
      down = !breaks.includes(i);
    });
    return text;
  };

  class Curve extends HTMLElement {
    connectedCallback() {
      if (this.data) return;
      this.data = JSON.parse(this.querySelector("script").textContent);
      this.svg = this.querySelector("figure > svg");
      this.at = projection(this.data.view);
      this.numbers = this.querySelector(".tdl-numbers");
      this.numbers.addEventListener("toggle", () => this.update());
      this.places = this.data.sliders.map((slider) => slider.start);
      // drawn last to first, so that the first line lies on top
      this.shapes = [...this.svg.querySelectorAll(".tdl-lines > *")];
      if (!this.data.bars) this.shapes.reverse();
      this.controls = make("div", { class: "tdl-controls" });
      this.querySelector("figure").after(this.controls);
      this.inputs = this.data.sliders.map((slider, i) => this.slider(slider, i));
      const product = this.data.sliders.reduce((count, slider) => count * slider.values.length, 1);
      if (product > Object.keys(this.data.curves).length)
        this.controls.append(make("p", { class: "tdl-note" }, "One parameter moves at a time; the others stay at their defaults."));
      if (!this.data.bars) this.cursor();
      this.shown = this.data.lines.map(() => true);
      if (this.data.choose.length) this.chooser();
      this.update();
    }

    // Which functions are shown, and whether with their derivatives; kept in the page's address.
    chooser() {
      const { choose, lines } = this.data;
      const swatches = [...this.querySelectorAll(".tdl-legend li")];
      const box = (name, checked, ...content) => {
        const input = make("input", { type: "checkbox", name });
        input.checked = checked;
        input.addEventListener("change", () => { show(); keep(); });
        pick.append(make("label", {}, input, ...content));
        return input;
      };
      const pick = make("fieldset", { class: "tdl-pick" }, make("legend", {}, this.data.title));
      const asked = new URLSearchParams(location.hash.slice(1)).get(this.id)?.split(",");
      const boxes = choose.map((name, i) => box(name, asked?.includes(name) ?? true, ...swatches[i].childNodes));
      const slopes = box("derivatives", asked?.includes("derivatives") ?? false, "with derivatives");
      const show = () => {
        this.shown = lines.map((line) => boxes[line.group].checked && (slopes.checked || line.style.startsWith("tdl-value")));
        this.update();
      };
      const keep = () => {
        const all = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
        all.set(this.id, [...boxes, slopes].filter((input) => input.checked).map((input) => input.name));
        history.replaceState(null, "", `#${all}`);
      };
      this.querySelector(".tdl-legend").replaceWith(pick);
      show();
    }

    row(name, count, start, moved) {
      const id = `${this.id}-${name.replace(/\W+/g, "-")}`;
      const input = make("input", { type: "range", min: 0, max: count - 1, step: 1, value: start, id });
      const output = make("output", { for: id });
      this.controls.append(make("label", { for: id }, name), input, output);
      input.addEventListener("input", () => moved(Number(input.value)));
      return { input, output };
    }

    slider(slider, i) {
      return this.row(slider.name, slider.values.length, slider.start, (place) => {
        this.places[i] = place;
        if (!(this.places.join() in this.data.curves))
          this.places = this.data.sliders.map((other, j) => (j === i ? place : other.start));
        this.update();
      });
    }

    // A point that is read out: moved by the pointer over the picture, or by a slider of its own.
    cursor() {
      const { x, lines, view: { box: [left, top, right, bottom] } } = this.data;
      this.index = Math.round((x.length - 1) * 0.75);
      this.line = draw("path", { class: "tdl-cursor" });
      this.points = lines.map((line) => draw("circle", { r: 5, class: `tdl-point ${line.style.split(" ")[1]}` }));
      this.svg.append(this.line, ...this.points);
      this.cursorRow = this.row(this.data.x_name, x.length, this.index, (place) => { this.index = place; this.update(); });
      this.readout = make("output", { class: "tdl-readout" });
      this.controls.after(this.readout);
      this.svg.addEventListener("pointermove", (event) => {
        const { left: start, width } = this.svg.getBoundingClientRect();
        const across = ((event.clientX - start) / width) * this.svg.viewBox.baseVal.width;
        this.index = Math.round(Math.min(Math.max((across - left) / (right - left), 0), 1) * (x.length - 1));
        this.cursorRow.input.value = this.index;
        this.update();
      });
    }

    update() {
      const { x, lines, sliders, curves, breaks, bars } = this.data;
      const key = this.places.join();
      const values = curves[key];
      this.inputs.forEach(({ input, output }, i) => {
        const value = sliders[i].values[this.places[i]];
        input.value = this.places[i];
        output.textContent = value === null ? "default" : number(value);
        input.setAttribute("aria-valuetext", output.textContent);
      });
      if (bars) this.bars(values[0]);
      else {
        values.forEach((ys, i) => {
          this.shapes[i].setAttribute("d", path(this.at, x, ys, (breaks[key] ?? [])[i]));
          this.shapes[i].setAttribute("visibility", this.shown[i] ? "visible" : "hidden");
        });
        this.read(values);
      }
      this.table(values);
    }

    // All the points, where the page as loaded has some; only while somebody looks.
    table(values) {
      if (!this.numbers.open) return;
      const { x, bars } = this.data;
      const row = (at, r) =>
        make("tr", {}, make("th", { scope: "row" }, bars ? at : number(at)), ...values.map((ys) => make("td", {}, number(ys[r]))));
      this.numbers.querySelector("tbody").replaceChildren(...x.map(row));
    }

    bars(values) {
      const [, , , bottom] = this.data.view.box;
      values.forEach((value, i) => {
        const [, top] = this.at(i, value);
        this.shapes[i].setAttribute("y", top.toFixed(1));
        this.shapes[i].setAttribute("height", (bottom - top).toFixed(1));
      });
    }

    read(values) {
      const { x, x_name, lines, view: { box: [, top, , bottom] } } = this.data;
      const at = x[this.index];
      const [across] = this.at(at, 0);
      this.line.setAttribute("d", `M${across.toFixed(1)} ${top}V${bottom}`);
      values.forEach((ys, i) => {
        const y = ys[this.index];
        const [cx, cy] = this.at(at, y ?? 0);
        const hidden = !this.shown[i] || y === null || cy < top - 1 || cy > bottom + 1;
        this.points[i].setAttribute("cx", cx.toFixed(1));
        this.points[i].setAttribute("cy", cy.toFixed(1));
        this.points[i].setAttribute("visibility", hidden ? "hidden" : "visible");
      });
      this.cursorRow.output.textContent = number(at);
      this.cursorRow.input.setAttribute("aria-valuetext", number(at));
      const read = lines.map((line, i) => `${line.name} = ${number(values[i][this.index])}`);
      this.readout.textContent = read.filter((_, i) => this.shown[i]).join(" · ");
    }
  }

  customElements.define("tdl-curve", Curve);
  window.tdl = { make, draw, number, projection, path };
})();
