/** The connection that feeds the replica: opens, hears, asks anew, and comes back by itself. */

import { Replica, type Outcome } from "./replica.ts";
import type { Message } from "./types.ts";

export type Link =
  | { kind: "connecting" }
  | { kind: "live" }
  /** A number was missed; a snapshot has been asked for. */
  | { kind: "resyncing"; since: number }
  /** Connected, but nothing was heard for a while. */
  | { kind: "silent"; since: number }
  | { kind: "lost"; since: number; retryAt: number }
  /** The server no longer knows the session. */
  | { kind: "signed_out" };

export type Times = { firstRetryMs: number; lastRetryMs: number; silentMs: number; giveUpMs: number };
export const TIMES: Times = { firstRetryMs: 500, lastRetryMs: 10_000, silentMs: 4_000, giveUpMs: 20_000 };

/** What the stream needs of a WebSocket. */
export type Socket = Pick<WebSocket, "send" | "close" | "onopen" | "onmessage" | "onclose">;

export type Surroundings = {
  open(): Socket;
  /** Whether the session still holds; asked when the connection does not come about. Throws if the server is away. */
  signedIn(): Promise<boolean>;
  onOutcome(outcome: Outcome): void;
  onLink(link: Link): void;
  times?: Times;
};

export class Stream {
  readonly replica = new Replica();
  link: Link = { kind: "connecting" };
  /** When the last message came, ms since the epoch; 0 before the first. */
  heardAt = 0;
  private socket: Socket | null = null;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private readonly around: Surroundings;
  private readonly times: Times;

  constructor(around: Surroundings) {
    this.around = around;
    this.times = around.times ?? TIMES;
  }

  start(): void {
    this.watch = setInterval(() => this.listen(), Math.min(1_000, this.times.silentMs / 2));
    this.connect();
  }

  stop(): void {
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.drop();
  }

  /** Tries at once instead of at the end of the wait. */
  retryNow(): void {
    if (this.link.kind === "lost") this.connect();
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.drop();
    const socket = this.around.open();
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket === socket) this.heardAt = Date.now(); // the wait for the first snapshot begins
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.hear(String(event.data));
    };
    socket.onclose = () => {
      if (this.socket === socket) void this.lost();
    };
  }

  private hear(text: string): void {
    let message: Message;
    try {
      message = JSON.parse(text) as Message;
    } catch {
      return this.askAnew();
    }
    this.heardAt = Date.now();
    const outcome = this.replica.receive(message);
    if (outcome.kind === "missed") this.askAnew();
    else if (outcome.kind === "snapshot") {
      this.attempts = 0;
      this.tell({ kind: "live" });
    } else if (outcome.kind === "changed" && this.link.kind === "silent") this.tell({ kind: "live" });
    this.around.onOutcome(outcome);
  }

  private askAnew(): void {
    this.replica.disconnected();
    this.tell({ kind: "resyncing", since: Date.now() });
    this.socket?.send(JSON.stringify({ type: "resync" }));
  }

  /** Silence is told; a long one is taken for a dead connection. */
  private listen(): void {
    if (!this.socket || this.heardAt === 0 || this.link.kind === "lost") return;
    const quiet = Date.now() - this.heardAt;
    if (quiet > this.times.giveUpMs) {
      this.drop();
      void this.lost();
    } else if (quiet > this.times.silentMs && this.link.kind === "live") {
      this.tell({ kind: "silent", since: this.heardAt });
    }
  }

  private async lost(): Promise<void> {
    this.drop();
    this.replica.disconnected();
    const since = "since" in this.link ? this.link.since : this.heardAt || Date.now();
    const most = Math.min(this.times.lastRetryMs, this.times.firstRetryMs * 2 ** this.attempts);
    const wait = most / 2 + (Math.random() * most) / 2;
    this.attempts += 1;
    this.tell({ kind: "lost", since, retryAt: Date.now() + wait });
    this.timer = setTimeout(() => this.connect(), wait);
    try {
      if (!(await this.around.signedIn())) {
        this.stop();
        this.tell({ kind: "signed_out" });
      }
    } catch {
      // The server is away as well: the next try is on its way.
    }
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private tell(link: Link): void {
    this.link = link;
    this.around.onLink(link);
  }
}
