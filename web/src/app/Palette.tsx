/** Ctrl+K: finds pages, instruments, orders and acts, by any part of their names. */

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";

import { post } from "../api/http.ts";
import { live, useLive } from "../api/live.ts";
import type { Order, State } from "../api/types.ts";
import { decimal } from "../format/decimal.ts";
import { instrumentName, title } from "../format/names.ts";
import { choose, PAGES } from "./choices.ts";

type Entry = { kind: string; text: string; run: () => void };

export function Palette({ onLeave }: { onLeave: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  const [sought, setSought] = useState("");
  const [at, setAt] = useState(0);
  const halted = useLive((state) => state.halted);
  const entries = useMemo(() => all(live.state, onLeave), [halted, onLeave]);
  const found = useMemo(() => matching(entries, sought), [entries, sought]);

  useEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  useEffect(() => {
    document.getElementById(`found-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const take = (entry: Entry | undefined): void => {
    if (!entry) return;
    choose({ palette: false });
    entry.run();
  };
  const pressed = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      setAt((now) => (found.length ? (now + step + found.length) % found.length : 0));
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(found[at]);
    }
  };

  return (
    <dialog
      ref={box}
      className="palette"
      aria-label="Find"
      onClose={() => choose({ palette: false })}
      onClick={(event) => event.target === box.current && choose({ palette: false })}
    >
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found.length ? `found-${at}` : undefined}
        aria-label="Find a page, order, instrument or act"
        placeholder="Page, order, instrument, act …"
        value={sought}
        onChange={(event) => {
          setSought(event.target.value);
          setAt(0);
        }}
        onKeyDown={pressed}
      />
      <ul id="found" role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          <li
            key={`${entry.kind} ${entry.text}`}
            id={`found-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseMove={() => setAt(index)}
            onClick={() => take(entry)}
          >
            <span>{entry.text}</span>
            <span className="muted">{entry.kind}</span>
          </li>
        ))}
        {found.length === 0 && <li className="muted">Nothing has “{sought}” in its name.</li>}
      </ul>
    </dialog>
  );
}

function all(state: State | null, onLeave: () => void): Entry[] {
  const acts: Entry[] = state?.halted
    ? [{ kind: "act", text: "Resume trading", run: () => choose({ asked: { kind: "resume" } }) }]
    : [{ kind: "act", text: "Halt trading", run: () => choose({ asked: { kind: "halt" } }) }];
  for (const strategy of state?.strategies ?? []) {
    if (strategy.state === "running") {
      const run = (): void => choose({ asked: { kind: "stop", strategy: strategy.name } });
      acts.push({ kind: "act", text: `Stop ${strategy.name}`, run });
    } else {
      acts.push({ kind: "act", text: `Start ${strategy.name}`, run: () => choose({ page: "strategies" }) });
    }
  }
  const looks: Entry[] = [
    { kind: "look", text: "Theme: dark", run: () => choose({ theme: "dark" }) },
    { kind: "look", text: "Theme: light", run: () => choose({ theme: "light" }) },
    { kind: "look", text: "Theme: as the system", run: () => choose({ theme: "system" }) },
    { kind: "look", text: "Colours: teal and red", run: () => choose({ colours: "teal-red" }) },
    { kind: "look", text: "Colours: blue and orange", run: () => choose({ colours: "blue-orange" }) },
    {
      kind: "act",
      text: "Sign out",
      run: () =>
        void post("/api/logout")
          .catch(() => undefined)
          .finally(onLeave),
    },
  ];
  const pages = PAGES.map((page) => ({ kind: "page", text: title(page), run: () => choose({ page }) }));
  const instruments = (state?.instruments ?? []).map(({ id }) => ({
    kind: "instrument",
    text: id,
    run: () => choose({ page: "overview", instrument: id }),
  }));
  const orders = (state?.orders ?? []).map((order) => ({
    kind: "order",
    text: told(order),
    run: () => choose({ explained: order.id }),
  }));
  return [...acts, ...pages, ...instruments, ...orders, ...looks];
}

function told({ id, side, quantity, instrument, price }: Order): string {
  return `${title(side)} ${decimal(quantity)} ${instrumentName(instrument).pair} at ${decimal(price)} · ${id}`;
}

function matching(entries: Entry[], sought: string): Entry[] {
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => words.every((part) => `${entry.kind} ${entry.text}`.toLowerCase().includes(part)));
}
