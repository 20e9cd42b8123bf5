import { useState } from "react";

import { shortId } from "../format/names.ts";

/** An id, shortened; a click copies all of it. */
export function Copied({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not allowed to: the whole id is in the title
    }
    setDone(true);
    setTimeout(() => setDone(false), 1_200);
  };
  return (
    <button type="button" className="id" title={`${text} (click copies it)`} onClick={() => void copy()}>
      {done ? "copied" : shortId(text)}
    </button>
  );
}
