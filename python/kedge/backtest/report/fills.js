// The table of fills: only the rows in view are in the document, so that 100,000 scroll as smoothly as 100.

const ROW = 26;
const AHEAD = 12;
const PRINTED = 40;

/** A column of amounts; `tone` colours it by its sign. */
function amountColumn(fills, key, label, unit, decimals, width, more = {}) {
  const places = (row) => (typeof decimals === "number" ? decimals : decimals[fills.instrument[row]]);
  const text = (value, row) => number(value, places(row), more.signed ?? true);
  return { key, label, unit, width, text, read: (row) => fills[key][row], ...more };
}

/** A column of codes for words, sorted and exported as those. */
function wordColumn(fills, key, label, words, width, more = {}) {
  const shown = more.shown ?? words;
  const text = (value) => shown[value];
  return { key, label, width, text, words, left: true, read: (row) => fills[key][row], ...more };
}

/** Columns as they are shown, sorted and exported: `read` gives a row's raw value, `text` what is shown. */
function fillColumns(fills, currency, base) {
  const { quantityDecimals, priceDecimals } = fills;
  const amount = (...rest) => amountColumn(fills, ...rest);
  const word = (...rest) => wordColumn(fills, ...rest);
  const bps = (key, label, title) => amount(key, label, "bps", 2, 62, { tone: true, title });
  const after = (key, wait) => bps(key, `+${wait}`, `Markout: the mid ${wait} after, against the price`);
  const way = (value) => (value ? 1 : -1);
  const side = { shown: ["▼ sell", "▲ buy"], tone: way };
  return [
    timeColumn(fills),
    word("side", "Side", ["sell", "buy"], 56, side),
    amount("quantity", "Quantity", base, quantityDecimals, 74, { signed: false }),
    amount("price", "Price", currency, priceDecimals, 82, { signed: false }),
    word("liquidity", "As", ["taker", "maker"], 54),
    word("strategy", "Strategy", fills.strategies, 112),
    ...(fills.instruments.length > 1 ? [word("instrument", "Instrument", fills.instruments, 154)] : []),
    amount("fee", "Fee", currency, 6, 78, { title: "Paid is positive, a rebate negative" }),
    bps("edge", "To mid", "Earned against the mid at the fill"),
    after("markout1", "1 s"),
    after("markout10", "10 s"),
    after("markout60", "60 s"),
    amount("queue", "Queue ahead", base, quantityDecimals, 90, {
      signed: false,
      title: "Before it when it was placed",
    }),
    amount("queueFill", "At the fill", base, quantityDecimals, 82, {
      signed: false,
      title: "Still before it just before what filled it",
    }),
    word("toxic", "Toxic", ["", "no", "yes"], 54, { title: "More than ten orders of its size still before it" }),
    amount("position", "Position after", base, quantityDecimals, 98),
    amount("realised", "Realised", currency, 4, 76, { tone: true, title: "PnL of what it closed, fees apart" }),
    { key: "order", label: "Order", width: 84, read: (row) => fills.order[row], text: String },
  ];
}

/** The time, with the day where the run has more than one. */
function timeColumn(fills) {
  const day = (row) => utcDate(fills.time[row] / 1e6);
  const several = fills.count > 0 && day(0) !== day(fills.count - 1);
  const text = (value) => `${several ? `${utcDate(value / 1e6).slice(5)} ` : ""}${utcClock(value, 3)}`;
  const width = several ? 132 : 96;
  return {
    key: "time",
    label: "Time",
    unit: "UTC",
    width,
    text,
    left: true,
    read: (row) => fills.time[row],
    raw: isoTime,
  };
}

function isoTime(micros) {
  return `${utcDate(Math.floor(micros / 1e6))}T${utcClock(micros, 6)}Z`;
}

/** The table with its filters; `onPick(row)` is called for the fill whose time was clicked. */
class FillsTable {
  constructor(host, tools, fills, { currency, base, onPick }) {
    this.fills = fills;
    this.columns = fillColumns(fills, currency, base);
    this.onPick = onPick;
    this.order = Uint32Array.from({ length: fills.count }, (_, row) => row);
    this.sorted = { key: "time", down: false };
    this.wanted = {};
    this.build(host);
    this.buildTools(tools);
    this.refresh();
  }

  build(host) {
    this.head = element("tr", { role: "row" }, ...this.columns.map((column) => this.headCell(column)));
    this.body = element("tbody");
    this.above = element("tr", { "aria-hidden": "true" }, element("td", { colspan: this.columns.length }));
    this.below = this.above.cloneNode(true);
    const widths = element("colgroup", {}, ...this.columns.map(() => element("col")));
    widths.childNodes.forEach((col, at) => {
      col.style.width = `${this.columns[at].width}px`;
    });
    this.table = element("table", { class: "fills" }, widths, element("thead", {}, this.head), this.body);
    this.table.style.minWidth = `${this.columns.reduce((sum, column) => sum + column.width, 0)}px`;
    this.frame = element(
      "div",
      { class: "fills-frame", tabindex: "0", role: "region", "aria-label": "Fills" },
      this.table,
    );
    this.note = element("p", { class: "muted", "aria-live": "polite" });
    this.said = element("span");
    this.more = element("span");
    this.note.append(this.said, this.more);
    this.frame.addEventListener("scroll", () => this.later());
    host.replaceChildren(this.frame, this.note);
    new ResizeObserver(() => this.later()).observe(this.frame);
  }

  headCell(column) {
    const button = element(
      "button",
      { type: "button", title: column.title, onclick: () => this.sortBy(column.key) },
      column.label,
    );
    if (column.unit) button.append(element("small", { text: column.unit }));
    return element("th", { scope: "col", class: column.left ? null : "number", "data-key": column.key }, button);
  }

  buildTools(tools) {
    const parts = [
      this.choice(
        "strategy",
        "Strategy",
        this.fills.strategies.map((name, code) => [code, name]),
      ),
      this.choice(
        "instrument",
        "Instrument",
        this.fills.instruments.map((name, code) => [code, name]),
      ),
      this.choice("side", "Side", [
        [1, "▲ buy"],
        [0, "▼ sell"],
      ]),
      this.choice("liquidity", "As", [
        [1, "maker"],
        [0, "taker"],
      ]),
    ];
    const save = element("button", { type: "button", text: "Save as CSV", onclick: () => this.saveCsv() });
    tools.replaceChildren(...parts.filter(Boolean), save);
  }

  choice(key, label, options) {
    if (options.length < 2) return null;
    const select = element("select", { "data-filter": key }, element("option", { value: "", text: "all" }));
    select.append(...options.map(([value, text]) => element("option", { value, text })));
    select.addEventListener("change", () => {
      this.wanted[key] = select.value === "" ? undefined : Number(select.value);
      this.refresh();
    });
    return element("label", {}, `${label} `, select);
  }

  sortBy(key) {
    this.sorted = { key, down: this.sorted.key === key ? !this.sorted.down : false };
    this.refresh();
  }

  /** Filters and sorts again, then shows the top. */
  refresh() {
    const wanted = Object.entries(this.wanted).filter(([, value]) => value !== undefined);
    const rows = [];
    for (let row = 0; row < this.fills.count; row += 1) {
      if (wanted.every(([key, value]) => this.fills[key][row] === value)) rows.push(row);
    }
    const column = this.columns.find((one) => one.key === this.sorted.key);
    rows.sort(comparison(column, this.sorted.down));
    this.order = rows;
    for (const cell of this.head.children) {
      const on = cell.dataset.key === this.sorted.key;
      cell.setAttribute("aria-sort", on ? (this.sorted.down ? "descending" : "ascending") : "none");
    }
    this.table.setAttribute("aria-rowcount", rows.length + 1);
    const all = this.fills.count.toLocaleString("en-US");
    this.said.textContent =
      rows.length === this.fills.count ? `${all} fills.` : `${rows.length.toLocaleString("en-US")} of ${all} fills.`;
    this.frame.scrollTop = 0;
    this.draw(true);
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw(false);
    });
  }

  /** Puts the rows in view into the document, and empty space for the others. */
  draw(anew) {
    const visible = Math.ceil(this.frame.clientHeight / ROW);
    const start = Math.max(0, Math.floor(this.frame.scrollTop / ROW) - AHEAD);
    const end = Math.min(this.order.length, start + visible + 2 * AHEAD);
    if (!anew && start === this.start && end === this.end) return;
    Object.assign(this, { start, end });
    this.above.firstChild.style.height = `${start * ROW}px`;
    this.below.firstChild.style.height = `${(this.order.length - end) * ROW}px`;
    const rows = [];
    for (let at = start; at < end; at += 1) rows.push(this.row(this.order[at], at));
    this.body.replaceChildren(this.above, ...rows, this.below);
  }

  row(row, at) {
    const cells = this.columns.map((column) => {
      const value = column.read(row);
      const text = column.text(value, row);
      const sign =
        column.tone && value !== null ? Math.sign(typeof column.tone === "function" ? column.tone(value) : value) : 0;
      const tone = sign > 0 ? "up" : sign < 0 ? "down" : "";
      const cell = element("td", { class: [column.left ? "" : "number", tone].join(" ").trim() || null });
      if (column.key !== "time") cell.textContent = text;
      else cell.append(this.timeButton(value, text, row));
      return cell;
    });
    return element("tr", { "aria-rowindex": at + 2 }, ...cells);
  }

  timeButton(value, text, row) {
    const title = `${isoTime(value)}\n${localTime(value / 1e6)}\nClick: show it on the candles`;
    return element("button", { type: "button", class: "go", title, text, onclick: () => this.onPick(row) });
  }

  /** Paper has no scrolling: the first rows, and where the rest is. */
  print(on) {
    const most = this.order.length > PRINTED;
    this.more.textContent = on && most ? ` The first ${PRINTED} are printed; fills.parquet has all.` : "";
    if (on) {
      const rows = Array.from(this.order)
        .slice(0, PRINTED)
        .map((row, at) => this.row(row, at));
      this.body.replaceChildren(...rows);
    } else this.draw(true);
  }

  /** The rows as filtered and sorted, raw values. */
  csv() {
    const lines = [
      this.columns.map((column) => csvField(column.unit ? `${column.key} (${column.unit})` : column.key)).join(","),
    ];
    for (const row of this.order) {
      lines.push(
        this.columns
          .map((column) => {
            const value = column.read(row);
            if (column.raw) return column.raw(value);
            return column.words ? csvField(column.words[value]) : (value ?? "");
          })
          .join(","),
      );
    }
    return `${lines.join("\r\n")}\r\n`;
  }

  saveCsv() {
    const url = URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" }));
    element("a", { href: url, download: "fills.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

/** Nulls last, whichever way; equal values stay in time order. */
function comparison(column, down) {
  const names = column.words;
  const way = down ? -1 : 1;
  return (left, right) => {
    let [a, b] = [column.read(left), column.read(right)];
    if (a === null || b === null) return (a === null) - (b === null) || left - right;
    if (names) [a, b] = [names[a], names[b]];
    return (a < b ? -way : a > b ? way : 0) || left - right;
  };
}

/** Quoted where needed; text that a spreadsheet would run as a formula gets an apostrophe. */
function csvField(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
