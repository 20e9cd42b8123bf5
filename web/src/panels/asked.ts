/** What is asked over HTTP and shown: the answer, that it is on its way, or why there is none. */

import { useCallback, useEffect, useState } from "react";

import { get, Refused } from "../api/http.ts";
import type { paths } from "../../types/schema.d.ts";

type Json<R> = R extends { responses: { 200: { content: { "application/json": infer Body } } } } ? Body : never;
type Body<P extends keyof paths> = paths[P] extends { get: infer Operation } ? Json<Operation> : never;
export type Answer<B> = { body: B | null; problem: Refused | null; at: number; again: () => void };

/** Asks when `path` or `values` change, and again when `version` does; the old answer stays until then. */
export function useAsked<P extends keyof paths>(
  path: P,
  values: Record<string, string | number | undefined>,
  version: unknown = 0,
): Answer<Body<P>> {
  const [body, setBody] = useState<Body<P> | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [at, setAt] = useState(0);
  const [tries, setTries] = useState(0);
  const key = JSON.stringify(values);
  useEffect(() => {
    const stop = new AbortController();
    get(path as Parameters<typeof get>[0], JSON.parse(key) as typeof values, stop.signal).then(
      (answer) => {
        setBody(answer as Body<P>);
        setProblem(null);
        setAt(Date.now());
      },
      (error: unknown) => {
        if (!stop.signal.aborted) setProblem(error instanceof Refused ? error : new Refused(0, String(error)));
      },
    );
    return () => stop.abort();
  }, [path, key, version, tries]);
  return { body, problem, at, again: useCallback(() => setTries((before) => before + 1), []) };
}
