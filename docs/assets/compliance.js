// Filters of the compliance page, kept in the address, and reasons that open when a link leads to them.
(() => {
  "use strict";
  const words = (text) => text.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const matches = (texts, wanted) => !wanted.length || wanted.some((word) => texts.some((text) => text.includes(word)));

  /** The tables as data: columns by name, groups of rows, and the classes of the marks in each cell. */
  function read() {
    return [...document.querySelectorAll(".cmp-region")].map((region) => {
      const heads = [...region.querySelectorAll("thead th")].slice(1);
      const groups = [...region.querySelectorAll("tbody")].map((body) => ({
        body,
        names: body.dataset.names.split(" "),
        both: "both" in body.dataset,
        rows: [...body.rows].map((row) => ({
          row,
          origin: row.className,
          kind: row.dataset.kind,
          details: document.getElementById(row.dataset.id),
          cells: [...row.cells].slice(1).map((cell) => ({
            cell,
            marks: [...cell.querySelectorAll("i")].map((mark) => mark.className),
          })),
        })),
      }));
      return { region, heading: region.previousElementSibling, heads, checks: heads.map((h) => h.textContent), groups };
    });
  }

  function start() {
    const form = document.querySelector(".cmp-form");
    if (!form) return;
    const tables = read();
    const backends = [...form.elements.backend.options].map((option) => option.value).slice(1);
    const fields = [...form.elements].filter((field) => field.name);

    const chosen = () => Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]));

    function apply() {
      const want = chosen();
      const names = words(want.name);
      const checks = words(want.check);
      const one = backends.indexOf(want.backend);
      let shown = 0;
      let total = 0;
      const seen = new Set();
      for (const { region, heading, heads, checks: all, groups } of tables) {
        const asked = all.map((check) => matches([check], checks));
        // a cell counts if its check is asked for and one of the marks shown has the status
        const counts = ({ marks }, column) => {
          const looked = one >= 0 && marks.length > 1 ? [marks[one]] : marks;
          return asked[column] && looked.length > 0 && (!want.status || looked.includes(want.status));
        };
        const columns = all.map(() => false);
        let rowsShown = 0;
        for (const { body, names: own, both, rows } of groups) {
          const side = want.origin === "both";
          const inGroup = matches(own, names) && (!side || both);
          const hits = rows.map(({ cells }) => cells.some(counts));
          rows.forEach(({ row, origin, kind, details, cells }, number) => {
            total += 1;
            const visible =
              inGroup &&
              (!want.kind || kind === want.kind) &&
              (!want.origin || side || origin === want.origin) &&
              (side ? hits.includes(true) : hits[number]);
            row.hidden = !visible;
            if (details) details.hidden = !visible;
            if (!visible) return;
            rowsShown += 1;
            cells.forEach((cell, column) => (columns[column] ||= counts(cell, column)));
          });
          body.hidden = rows.every(({ row }) => row.hidden);
        }
        heads.forEach((head, column) => (head.hidden = !columns[column]));
        for (const { rows } of groups)
          for (const { cells } of rows) cells.forEach(({ cell }, column) => (cell.hidden = !columns[column]));
        region.hidden = heading.hidden = rowsShown === 0;
        region.dataset.backend = want.backend;
        shown += rowsShown;
        columns.forEach((visible, column) => visible && seen.add(all[column]));
      }
      form.querySelector(".cmp-count").textContent =
        `${shown} of ${total} functions and classes, ${seen.size} check${seen.size === 1 ? "" : "s"} shown.`;
    }

    function remember() {
      const set = Object.entries(chosen()).filter(([, value]) => value);
      const query = new URLSearchParams(set).toString();
      try {
        history.replaceState(history.state, "", location.pathname + (query && `?${query}`) + location.hash);
      } catch {
        // a page opened from a file may not change its address
      }
    }

    const given = new URLSearchParams(location.search);
    for (const field of fields) {
      field.value = given.get(field.name) ?? "";
      if (field.selectedIndex === -1) field.value = "";
    }
    form.addEventListener("input", () => { apply(); remember(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { apply(); remember(); }));
    form.hidden = false;
    apply();
    reveal();
  }

  /** Opens the reasons that the address points to. */
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target?.closest(".cmp-reasons details");
    if (!details) return;
    details.hidden = false;
    details.open = true;
    target.scrollIntoView();
  }

  window.addEventListener("hashchange", reveal);
  if (window.document$) window.document$.subscribe(start);
  else start();
})();
