"use strict";
{
  const say = document.getElementById("status");
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

  const select = (block) => {
    const range = document.createRange();
    range.selectNodeContents(block);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  // The clipboard proper is refused to pages on some servers, and the old way by some browsers.
  const copied = async (block) => {
    try {
      await navigator.clipboard.writeText(block.textContent.trim());
      return true;
    } catch {
      select(block);
      return document.execCommand("copy");
    }
  };

  for (const block of document.querySelectorAll("pre, code.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    (block.closest(".code") ?? block).before(button);
    button.addEventListener("click", async () => {
      const done = await copied(block);
      if (!done) select(block);
      say.textContent = done ? "Copied" : "This browser lets no page copy. The text is selected: copy it with the keyboard";
      button.textContent = done ? "Copied" : "Selected: copy it with the keyboard";
      setTimeout(() => { button.textContent = "Copy"; }, 4000);
    });
  }
}
