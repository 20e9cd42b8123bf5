import type { ReactNode } from "react";

import type { Refused } from "../api/http.ts";

type Props = {
  name: string;
  meta?: ReactNode;
  tools?: ReactNode;
  className?: string;
  flush?: boolean;
  children: ReactNode;
};

/** One titled region of a page. */
export function Panel({ name, meta, tools, className, children }: Props) {
  return (
    <section className={`panel ${className ?? ""}`} aria-label={name}>
      <header>
        <h2>{name}</h2>
        {meta !== undefined && <span className="meta">{meta}</span>}
        {tools && <span className="tools">{tools}</span>}
      </header>
      <div className="body">{children}</div>
    </section>
  );
}

type NoteProps = { children?: ReactNode; problem?: Refused; onRetry?: () => void };

/** In place of figures: that there are none yet and what brings them, or what is broken. */
export function Note({ children, problem, onRetry }: NoteProps) {
  if (!problem) return <p className="note">{children}</p>;
  return (
    <div className="note bad" role="alert">
      <p>
        <b>{problem.message}</b> {problem.hint}
      </p>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
