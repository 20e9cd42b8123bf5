// Fills drawn on candles: a triangle at the price, up for a buy and down for a sell, sized by quantity.

const LARGEST = 9;
const SMALLEST = 3.5;
const CROWDED = 900;

/** A primitive of the chart library. `fills` are sorted by `at`, the place on the axis counted in candles. */
class FillTriangles {
  constructor(fills) {
    this.fills = fills;
    this.largest = fills.reduce((most, fill) => Math.max(most, fill.quantity), 0);
    this.marked = null;
  }

  attached({ chart, series, requestUpdate }) {
    Object.assign(this, { chart, series, requestUpdate });
  }

  detached() {
    this.chart = null;
  }

  paneViews() {
    return [{ zOrder: () => "top", renderer: () => ({ draw: (target) => this.draw(target) }) }];
  }

  /** Rings one fill (by its row), or none. */
  mark(row) {
    this.marked = row;
    this.requestUpdate();
  }

  draw(target) {
    const scale = this.chart.timeScale();
    const first = scale.logicalToCoordinate(0);
    const spacing = scale.logicalToCoordinate(1) - first;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const shown = this.between((-LARGEST - first) / spacing, (mediaSize.width + LARGEST - first) / spacing);
      const points = shown.length > CROWDED ? gathered(shown, first, spacing) : shown;
      const colours = { up: token("up"), down: token("down"), edge: token("surface"), ring: token("text") };
      for (const fill of points) {
        const y = this.series.priceToCoordinate(fill.price);
        if (y !== null)
          triangle(context, first + fill.at * spacing, y, this.size(fill.quantity, spacing), fill.buy, colours);
      }
      const marked = this.fills.find((fill) => fill.row === this.marked);
      const y = marked && this.series.priceToCoordinate(marked.price);
      if (marked && y !== null) ring(context, first + marked.at * spacing, y, colours.ring);
    });
  }

  /** Area follows quantity; smaller where the candles are thin, so that they stay in sight. */
  size(quantity, spacing) {
    const share = this.largest ? Math.min(1, quantity / this.largest) : 1;
    const largest = LARGEST * Math.max(0.6, Math.min(1, spacing / 5));
    return Math.max(SMALLEST, largest * Math.sqrt(share));
  }

  between(start, end) {
    return this.fills.slice(place(this.fills, start), place(this.fills, end));
  }
}

/** How many of the sorted fills lie before `at`. */
function place(fills, at) {
  let low = 0;
  let high = fills.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fills[middle].at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Too many to see: one triangle a side for every six pixels, at the mean price, as large as the largest in it. */
function gathered(fills, first, spacing) {
  const columns = new Map();
  for (const fill of fills) {
    const key = Math.floor((first + fill.at * spacing) / 6) * 2 + fill.buy;
    const sum = columns.get(key) ?? { at: 0, value: 0, total: 0, count: 0, quantity: 0, buy: fill.buy };
    sum.at += fill.at;
    sum.value += fill.price * fill.quantity;
    sum.total += fill.quantity;
    sum.quantity = Math.max(sum.quantity, fill.quantity);
    sum.count += 1;
    columns.set(key, sum);
  }
  return [...columns.values()].map((sum) => ({ ...sum, at: sum.at / sum.count, price: sum.value / sum.total }));
}

function triangle(context, x, y, size, buy, colours) {
  const tip = buy ? -size : size;
  context.beginPath();
  context.moveTo(x, y + tip);
  context.lineTo(x - size, y - tip * 0.75);
  context.lineTo(x + size, y - tip * 0.75);
  context.closePath();
  context.fillStyle = buy ? colours.up : colours.down;
  context.fill();
  context.strokeStyle = colours.edge;
  context.lineWidth = 1;
  context.stroke();
}

function ring(context, x, y, colour) {
  context.beginPath();
  context.arc(x, y, LARGEST + 5, 0, 2 * Math.PI);
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
}
