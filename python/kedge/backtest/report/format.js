// Numbers and times as the rest of the page writes them, and one way to make elements.

const NONE = "–";

/** `+1,234.50`, `−0.10`; no sign once it rounds to zero; `–` for null. */
function number(value, decimals, signed = false) {
  if (value === null || value === undefined) return NONE;
  const text = Math.abs(value)
    .toFixed(decimals)
    .replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
  if (!/[1-9]/.test(text)) return text;
  return (value < 0 ? "−" : signed ? "+" : "") + text;
}

const two = (value) => String(value).padStart(2, "0");

/** `2024-08-08` of seconds since the epoch, UTC. */
function utcDate(seconds) {
  const at = new Date(seconds * 1000);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}

/** `12:34:56.789` of microseconds since the epoch, UTC, cut to `decimals` of a second. */
function utcClock(micros, decimals = 0) {
  const at = new Date(Math.floor(micros / 1e6) * 1000);
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const part = String(micros % 1e6)
    .padStart(6, "0")
    .slice(0, decimals);
  return decimals ? `${clock}.${part}` : clock;
}

/** The same of seconds. */
function utcTime(seconds, decimals = 0) {
  return utcClock(Math.round(seconds * 1e6), decimals);
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** Seconds since the epoch in the reader's own time zone, named. */
function localTime(seconds) {
  return `${LOCAL.format(seconds * 1000)}, local`;
}

/** An element with properties (text, class, data…, on…) and children. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A colour token as the browser resolves it, for canvas; with `alpha` mixed in. */
function token(name, alpha = 1) {
  const probe = element("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g);
  probe.remove();
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
