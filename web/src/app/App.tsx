/** The door, then the desk. */

import { useEffect, useState } from "react";

import { get, Refused } from "../api/http.ts";
import { live, useLink } from "../api/live.ts";
import { Frame } from "./Frame.tsx";
import { Login } from "./Login.tsx";

type Session = "asking" | "out" | "in";

export function App() {
  const [session, setSession] = useState<Session>("asking");
  const [ended, setEnded] = useState(false);
  const link = useLink();

  useEffect(() => {
    get("/api/state").then(
      () => setSession("in"),
      // Where the server is away the desk says so, and comes back by itself.
      (error: unknown) => setSession(error instanceof Refused && error.status === 0 ? "in" : "out"),
    );
  }, []);

  useEffect(() => {
    if (session !== "in") return;
    live.start();
    return () => live.stop();
  }, [session]);

  useEffect(() => {
    if (session !== "in" || link.kind !== "signed_out") return;
    setEnded(true);
    setSession("out");
  }, [session, link]);

  if (session === "asking") return null;
  if (session === "out") return <Login ended={ended} onDone={() => setSession("in")} />;
  return (
    <Frame
      onLeave={() => {
        setEnded(false);
        setSession("out");
      }}
    />
  );
}
