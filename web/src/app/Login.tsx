import { useId, useState, type FormEvent } from "react";

import { post, Refused } from "../api/http.ts";

/** Asks for the one-time code that the terminal printed. */
export function Login({ ended, onDone }: { ended: boolean; onDone: () => void }) {
  const [code, setCode] = useState("");
  const [error, setError] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);
  const id = useId();

  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await post("/api/login", {}, { code: code.trim() });
      onDone();
    } catch (problem) {
      setError(problem instanceof Refused ? problem : new Refused(0, String(problem)));
      setBusy(false);
    }
  };

  return (
    <main className="login">
      <form onSubmit={(event) => void send(event)} aria-labelledby={`${id}-title`}>
        <h1 id={`${id}-title`}>
          <img src="/icon.svg" alt="" width="22" height="22" /> Kedge
        </h1>
        {ended && !error && <p className="note">Your session has ended. Nothing was changed on the venue.</p>}
        <label htmlFor={`${id}-code`}>One-time code</label>
        <input
          id={`${id}-code`}
          name="code"
          autoFocus
          autoComplete="one-time-code"
          autoCapitalize="off"
          spellCheck={false}
          required
          value={code}
          aria-describedby={`${id}-where`}
          aria-invalid={error !== null}
          onChange={(event) => setCode(event.target.value)}
        />
        <button type="submit" className="primary" disabled={busy || !code.trim()}>
          {busy ? "Signing in …" : "Sign in"}
        </button>
        <div role="alert">
          {error && (
            <p className="bad">
              {error.message} {error.hint}
            </p>
          )}
        </div>
        <p className="muted" id={`${id}-where`}>
          The terminal that runs <code>kedge up</code> shows it beside this address. It works once.
        </p>
      </form>
    </main>
  );
}
