// A crowd of viewers that cost almost nothing: they request live streams over plain TCP and discard
// what they get, or stop reading. Controlled by `ViewerOrder`s in JSON, one per line.

import { answerQuestions } from "./answer_questions.ts";

/** What the crowd is to do; it answers with its figures when done. */
export type ViewerOrder = OpenOrder | { readonly do: "report" | "close" };

/** Viewers to open; those that stall read the beginning of the response and then nothing. */
export interface OpenOrder {
  readonly do: "open" | "stall";
  readonly count: number;
  readonly port: number;
  /** With a star in place of the viewer's number. */
  readonly path: string;
}

export interface ViewerFigures {
  /** Number of viewers with an open connection. */
  readonly open: number;
  /** Bytes that all of them have received so far. */
  readonly received: number;
  /** Bytes of the viewer that has received least since the previous figures. */
  readonly least: number;
}

/** How many viewers are opened at the same time. */
const BATCH = 50;

/** The buffer into which all viewers read; its contents are ignored. */
const BIN = new Uint8Array(1 << 18);

class Viewer {
  received = 0;
  reported = 0;
  isOpen = true;
  readonly #conn: Deno.Conn;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Requests the stream and returns when the response has begun. */
  static async open(port: number, path: string): Promise<Viewer> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
    await conn.write(new TextEncoder().encode(request));
    const head = new Uint8Array(64);
    await conn.read(head);
    const status = new TextDecoder().decode(head.subarray(0, 12));
    if (status !== "HTTP/1.1 200") throw new Error(`Cannot view: current value is ${status}`);
    return new Viewer(conn);
  }

  async read(): Promise<void> {
    try {
      for (let count; (count = await this.#conn.read(BIN)) !== null;) this.received += count;
    } catch {
      // The figures show that it is gone.
    }
    this.close();
  }

  close(): void {
    if (this.isOpen) this.#conn.close();
    this.isOpen = false;
  }
}

let viewers: Viewer[] = [];

async function open(order: OpenOrder): Promise<void> {
  const { count, port, path } = order;
  for (let begun = 0; begun < count; begun += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - begun) }, (_, index) => {
      return Viewer.open(port, path.replace("*", String(begun + index)));
    });
    for (const viewer of await Promise.all(batch)) {
      viewers.push(viewer);
      if (order.do === "open") viewer.read();
    }
  }
}

function figures(): ViewerFigures {
  let [received, least] = [0, Infinity];
  for (const viewer of viewers) {
    received += viewer.received;
    least = Math.min(least, viewer.received - viewer.reported);
    viewer.reported = viewer.received;
  }
  return { open: viewers.filter(({ isOpen }) => isOpen).length, received, least };
}

answerQuestions(async (question) => {
  const order: ViewerOrder = JSON.parse(question);
  if (order.do === "open" || order.do === "stall") await open(order);
  if (order.do === "close") {
    for (const viewer of viewers) viewer.close();
    viewers = [];
  }
  return JSON.stringify(figures());
});
