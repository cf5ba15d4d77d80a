// The reference for relays: a TCP relay in plain Deno that does not look at what it passes on.
// Arguments: the listening port and the origin's; prints the bytes moved so far for each line on
// standard input.

import { answerQuestions } from "./answer_questions.ts";

const [front, origin] = Deno.args.map(Number);
let moved = 0;

async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65536);
  for (let count; (count = await from.read(buffer)) !== null;) {
    for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    moved += count;
  }
}

async function serve(client: Deno.TcpConn): Promise<void> {
  using _client = client;
  using there = await Deno.connect({ hostname: "127.0.0.1", port: origin! });
  client.setNoDelay(true);
  there.setNoDelay(true);
  const ends = [pump(client, there), pump(there, client)].map((end) => end.catch(() => {}));
  await Promise.race(ends);
}

answerQuestions(() => String(moved));
for await (const client of Deno.listen({ hostname: "127.0.0.1", port: front! })) {
  serve(client).catch(() => {});
}
