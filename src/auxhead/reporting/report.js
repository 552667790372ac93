"use strict";
{
  const say = document.getElementById("sort-status");
  const order = new Intl.Collator("en", { numeric: true });

  const read = (row, column, numeric) => {
    const cell = row.cells[column];
    if (cell === undefined) return numeric ? NaN : "";
    return numeric ? parseFloat(cell.dataset.value) : cell.textContent.trim();
  };

  // Stable; what was not measured stays last both ways.
  const compare = (numeric, sign) => (a, b) => {
    if (!numeric) return sign * order.compare(a.key, b.key);
    if (Number.isNaN(a.key) || Number.isNaN(b.key)) return Number.isNaN(a.key) - Number.isNaN(b.key);
    return sign * (a.key - b.key);
  };

  const sort = (table, heads, head) => {
    const numeric = head.dataset.kind === "number";
    const first = numeric ? "descending" : "ascending";
    const other = numeric ? "ascending" : "descending";
    const way = head.getAttribute("aria-sort") === first ? other : first;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, key: read(row, Number(head.dataset.column), numeric) }));
    rows.sort(compare(numeric, way === "ascending" ? 1 : -1));
    body.append(...rows.map((one) => one.row));
    for (const one of heads) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", way);
    say.textContent = `${table.dataset.name}, sorted by ${head.textContent.trim()}, ${way}`;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = Array.from(table.querySelectorAll("th[data-column]"));
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, heads, head));
    }
  }

  // Paper can't be unfolded.
  const folded = () => Array.from(document.querySelectorAll("details:not([open])"));
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = folded();
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
}
