/** The stream client against a real WebSocket server on this machine. */

import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket as Client, WebSocketServer, type WebSocket as Served } from "ws";

import type { Outcome } from "../src/api/replica.ts";
import { Stream, type Link, type Socket, type Times } from "../src/api/stream.ts";
import { delta, snapshot } from "./messages.ts";

const QUICK: Times = { firstRetryMs: 20, lastRetryMs: 80, silentMs: 120, giveUpMs: 300 };

let server: WebSocketServer;
let port: number;
let asked: string[];
let sockets: Served[];
let stream: Stream;
let links: Link[];
let waits: number[];
let outcomes: Outcome[];
let signedIn: () => Promise<boolean>;

async function listen(on = 0): Promise<void> {
  server = new WebSocketServer({ host: "127.0.0.1", port: on });
  await new Promise((resolve) => server.once("listening", resolve));
  port = (server.address() as AddressInfo).port;
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("message", (data) => asked.push(String(data)));
  });
}

async function hangUp(): Promise<void> {
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
}

function say(message: object | string): void {
  sockets.at(-1)!.send(typeof message === "string" ? message : JSON.stringify(message));
}

function begin(times = QUICK): void {
  stream = new Stream({
    open: () => new Client(`ws://127.0.0.1:${port}`).on("error", () => undefined) as unknown as Socket,
    signedIn: () => signedIn(),
    onOutcome: (outcome) => outcomes.push(outcome),
    onLink: (link) => {
      links.push(link);
      if (link.kind === "lost") waits.push(link.retryAt - Date.now());
    },
    times,
  });
  stream.start();
}

const kinds = (): string[] => links.map((link) => link.kind);
const until = (condition: () => unknown): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 2_000, interval: 5 });

beforeEach(async () => {
  [asked, sockets, links, outcomes, waits] = [[], [], [], [], []];
  signedIn = () => Promise.resolve(true);
  await listen();
});

afterEach(async () => {
  stream.stop();
  await hangUp();
});

describe("stream", () => {
  test("is live from the first snapshot on", async () => {
    begin();
    await until(() => sockets.length);
    expect(stream.link.kind).toBe("connecting");
    say(snapshot(1, { halted: false }));
    say(delta(2, { halted: true }));
    await until(() => stream.replica.state?.halted);
    expect(kinds()).toEqual(["live"]);
  });

  test("asks once for a resync when a number is missing, and shows nothing in between", async () => {
    begin();
    await until(() => sockets.length);
    say(snapshot(1, { halted: false }));
    say(delta(3, { halted: true }));
    say(delta(4, { halted: true }));
    await until(() => asked.length);
    expect(asked).toEqual(['{"type":"resync"}']);
    expect(stream.replica.state?.halted).toBe(false);
    say(snapshot(5, { halted: true }));
    await until(() => stream.link.kind === "live");
    expect(kinds()).toEqual(["live", "resyncing", "live"]);
    expect(stream.replica.state?.halted).toBe(true);
    expect(asked).toHaveLength(1);
  });

  test("asks anew after a message that cannot be read", async () => {
    begin();
    await until(() => sockets.length);
    say(snapshot(1, {}));
    say("<html>");
    await until(() => asked.length);
    expect(stream.link.kind).toBe("resyncing");
  });

  test("comes back by itself after the server went away, with the time since when all is stale", async () => {
    begin();
    await until(() => sockets.length);
    say(snapshot(1, { halted: true }));
    await until(() => stream.link.kind === "live");
    const heard = stream.heardAt;
    await hangUp();
    await until(() => links.filter((link) => link.kind === "lost").length >= 3);
    const lost = links.filter((link) => link.kind === "lost");
    expect(new Set(lost.map((link) => link.since))).toEqual(new Set([heard]));
    expect(stream.replica.state?.halted).toBe(true);
    await listen(port);
    await until(() => sockets.length === 2);
    say(snapshot(1, { halted: false }));
    await until(() => stream.link.kind === "live");
    expect(stream.replica.state?.halted).toBe(false);
  });

  test("waits longer each time, up to a bound", async () => {
    begin();
    await until(() => sockets.length);
    await hangUp();
    await until(() => waits.length >= 5);
    for (const [tries, wait] of waits.entries()) {
      const most = Math.min(QUICK.lastRetryMs, QUICK.firstRetryMs * 2 ** tries);
      expect(wait).toBeGreaterThanOrEqual(most / 2 - 2);
      expect(wait).toBeLessThanOrEqual(most);
    }
    await listen(port);
  });

  test("tells silence, and is live again with the next word", async () => {
    begin({ ...QUICK, giveUpMs: 60_000 });
    await until(() => sockets.length);
    say(snapshot(1, {}));
    await until(() => stream.link.kind === "silent");
    say(delta(2, {}));
    await until(() => stream.link.kind === "live");
    expect(kinds()).toEqual(["live", "silent", "live"]);
  });

  test("takes a long silence for a dead connection", async () => {
    begin();
    await until(() => sockets.length);
    say(snapshot(1, {}));
    await until(() => sockets.length >= 2);
    expect(kinds().slice(0, 3)).toEqual(["live", "silent", "lost"]);
  });

  test("ends when the session has", async () => {
    begin();
    await until(() => sockets.length);
    signedIn = () => Promise.resolve(false);
    sockets[0]!.close();
    await until(() => stream.link.kind === "signed_out");
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(sockets).toHaveLength(1);
  });

  test("does not take a server that is away for the end of the session", async () => {
    signedIn = () => Promise.reject(new Error("away"));
    begin();
    await until(() => sockets.length);
    sockets[0]!.close();
    await until(() => sockets.length >= 2);
    expect(kinds()).not.toContain("signed_out");
  });
});
