/** Questions and commands over HTTP, typed by the paths of `openapi.json`. The session is in a cookie. */

import type { paths } from "../../types/schema.d.ts";

type Json<R> = R extends { responses: { 200: { content: { "application/json": infer Body } } } } ? Body : never;
type Gets = { [P in keyof paths]: paths[P] extends { get: infer Operation } ? Json<Operation> : never };
type Posts = { [P in keyof paths]: paths[P] extends { post: infer Operation } ? Json<Operation> : never };
type Values = Record<string, string | number | undefined>;

/** The server said no, or nothing (`status` 0): what happened, and what to do next. */
export class Refused extends Error {
  readonly status: number;
  readonly hint: string;

  constructor(status: number, message: string, hint = "") {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/** Asks; `values` fill the path's `{names}`, the rest becomes the query. */
export async function get<P extends keyof Gets>(path: P, values: Values = {}, signal?: AbortSignal): Promise<Gets[P]> {
  return (await ask(address(path, values), { signal })) as Gets[P];
}

/** Commands. The header says that the page sent it: no form of another site can set one. */
export async function post<P extends keyof Posts>(path: P, values: Values = {}, body?: object): Promise<Posts[P]> {
  const headers: Record<string, string> = { "X-Kedge": "1" };
  if (body) headers["Content-Type"] = "application/json";
  return (await ask(address(path, values), {
    method: "POST",
    headers,
    body: body ? JSON.stringify(body) : undefined,
  })) as Posts[P];
}

function address(path: string, values: Values): string {
  const rest = new Map(Object.entries(values).filter(([, value]) => value !== undefined));
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest.get(name);
    rest.delete(name);
    return encodeURIComponent(String(value));
  });
  const query = new URLSearchParams([...rest].map(([name, value]) => [name, String(value)])).toString();
  return query ? `${filled}?${query}` : filled;
}

async function ask(url: string, options: RequestInit): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...options, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer.", "Is `kedge up` or `kedge server` still running?");
  }
  const text = await answer.text();
  const body = parsed(text);
  if (answer.ok && body !== undefined) return body;
  throw refusal(answer.status, body);
}

function parsed(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(status: number, body: unknown): Refused {
  const told = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const inner = typeof told.error === "object" && told.error !== null ? (told.error as Record<string, unknown>) : told;
  const message = typeof inner.message === "string" ? inner.message : `The server answered ${status} without a reason.`;
  return new Refused(status, message, typeof inner.hint === "string" ? inner.hint : "");
}
