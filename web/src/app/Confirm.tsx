/** Asks once, says what will happen in numbers, and shows in the same place what did. */

import { useEffect, useRef, useState } from "react";

import { post, Refused } from "../api/http.ts";
import { useLive } from "../api/live.ts";
import type { State } from "../api/types.ts";
import { decimal, signOf } from "../format/decimal.ts";
import { count, instrumentName } from "../format/names.ts";
import { clock } from "../format/time.ts";
import { choose, useChoice, type Act } from "./choices.ts";

type Question = { title: string; does: string[]; button: string; cancel: string; danger: boolean };
type Outcome = { ok: true; at: number; text: string } | { ok: false; problem: Refused };

export function Confirm() {
  const act = useChoice((choices) => choices.asked);
  return act && <Dialog key={JSON.stringify(act)} act={act} />;
}

function Dialog({ act }: { act: Act }) {
  const box = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const state = useLive((now) => now);
  // What was asked stays readable beside its result, though the orders it named are gone by then.
  const asked = useRef<Question | null>(null);
  if (!outcome && !busy) asked.current = question(act, state);
  const { title, does, button, cancel, danger } = asked.current ?? question(act, state);

  useEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  // Not the first button, which keeps all as it is: who asked for this wants it done.
  useEffect(() => box.current?.querySelector<HTMLElement>("[data-first]")?.focus(), [outcome]);

  const run = async (): Promise<void> => {
    setBusy(true);
    try {
      const done = await perform(act);
      setOutcome({ ok: true, at: Date.now(), text: done.message });
    } catch (problem) {
      setOutcome({ ok: false, problem: problem instanceof Refused ? problem : new Refused(0, String(problem)) });
    }
    setBusy(false);
  };
  const close = (): void => choose({ asked: null });

  return (
    <dialog ref={box} className="confirm" aria-labelledby="confirm-title" onClose={close}>
      <h2 id="confirm-title">{title}</h2>
      <ul>
        {does.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <div role="status" className="outcome">
        {outcome?.ok === true && (
          <p>
            <b>✓ {clock(outcome.at)}</b> {outcome.text || "Done."} {left(act, state)}
          </p>
        )}
        {outcome?.ok === false && (
          <p className="bad">
            <b>Not done.</b> {outcome.problem.message} {outcome.problem.hint}
            {act.kind === "halt" && (
              <>
                {" "}
                In a terminal, <code>kedge halt</code> works without the server.
              </>
            )}
          </p>
        )}
      </div>
      <div className="buttons">
        {outcome?.ok ? (
          <button type="button" data-first onClick={close}>
            Close
          </button>
        ) : (
          <>
            <button type="button" onClick={close}>
              {cancel}
            </button>
            <button
              type="button"
              data-first
              className={danger ? "halt" : "primary"}
              disabled={busy}
              onClick={() => void run()}
            >
              {busy ? "Asking the trader …" : outcome ? "Try again" : button}
            </button>
          </>
        )}
      </div>
    </dialog>
  );
}

function perform(act: Act): Promise<{ message: string }> {
  switch (act.kind) {
    case "halt":
      return post("/api/halt");
    case "resume":
      return post("/api/resume");
    case "stop":
      return post("/api/strategies/{name}/stop", { name: act.strategy });
  }
}

function question(act: Act, state: State | null): Question {
  switch (act.kind) {
    case "halt":
      return {
        title: "Halt trading?",
        does: [`Stops new orders of every strategy.`, cancels(state, () => true), keeps(state, () => true)],
        button: "Halt now",
        cancel: "Keep trading",
        danger: true,
      };
    case "resume":
      return {
        title: "Resume trading?",
        does: [`Lets ${names(state, "running")} send orders again.`, "Risk limits hold as before."],
        button: "Resume trading",
        cancel: "Stay halted",
        danger: false,
      };
    case "stop":
      return {
        title: `Stop ${act.strategy}?`,
        does: [
          cancels(state, (strategy) => strategy === act.strategy),
          keeps(state, (strategy) => strategy === act.strategy),
          "Other strategies go on.",
        ],
        button: "Stop it",
        cancel: "Let it run",
        danger: true,
      };
  }
}

function cancels(state: State | null, whose: (strategy: string) => boolean): string {
  const orders = state?.orders.filter((order) => whose(order.strategy)) ?? [];
  if (orders.length === 0) return "No order is open.";
  const venues = new Set(orders.map((order) => instrumentName(order.instrument).venue));
  return `Cancels ${count(orders.length, "open order")} on ${count(venues.size, "venue")}.`;
}

function keeps(state: State | null, whose: (strategy: string) => boolean): string {
  const held = state?.positions.filter((position) => whose(position.strategy) && signOf(position.quantity) !== 0) ?? [];
  if (held.length === 0) return "No position is held.";
  const each = held.map((position) => {
    const name = instrumentName(position.instrument);
    return `${decimal(position.quantity, { signed: true })} ${name.base} (${name.kind})`;
  });
  return `Keeps positions: ${each.join(", ")}.`;
}

function names(state: State | null, running: string): string {
  const found =
    state?.strategies.filter((strategy) => strategy.state === running).map((strategy) => strategy.name) ?? [];
  return found.length ? found.join(" and ") : "strategies";
}

/** What the stream says is still open after it. */
function left(act: Act, state: State | null): string {
  if (act.kind === "resume" || !state) return "";
  const open = state.orders.filter((order) => act.kind === "halt" || order.strategy === act.strategy).length;
  return open ? `${count(open, "order")} still open; cancels are on their way.` : "No order is open.";
}
