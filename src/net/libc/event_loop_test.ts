import assert from "node:assert/strict";
import { isLibcKnown, type LibcLibrary, openLibc } from "../udp/libc.ts";
import * as c from "../udp/libc.ts";
import { EventLoop, type RoundEnd, type Watched } from "./event_loop.ts";

/** An eventfd that is ready, and a watcher that reads it. */
class Source implements Watched, RoundEnd {
  readonly fd: number;
  rounds = 0;
  readonly #loop: EventLoop;
  readonly #isRestful: boolean;

  constructor(loop: EventLoop, isRestful: boolean) {
    this.#loop = loop;
    this.#isRestful = isRestful;
    this.fd = loop.libc.eventfd(1, c.EFD_NONBLOCK);
    loop.watch(this.fd, this, c.EPOLLIN);
  }

  ready(): void {
    this.#loop.libc.read(this.fd, new Uint8Array(8), 8n);
    this.#loop.atRoundEnd(this);
  }

  roundEnd(): void {
    this.rounds++;
    if (this.#isRestful) this.#loop.rest(1);
    this.#loop.stop();
  }
}

/** How often the thread rests after a round in which these sources are ready. */
async function restsAmong(library: LibcLibrary, sources: readonly boolean[]): Promise<number> {
  let rests = 0;
  const usleep = () => ++rests;
  using loop = new EventLoop({ ...library.symbols, usleep });
  const ready = sources.map((isRestful) => new Source(loop, isRestful));
  await loop.run({ blocks: true });
  for (const { fd, rounds } of ready) {
    assert.equal(rounds, 1, "its round has ended once");
    loop.unwatch(fd);
    loop.libc.close(fd);
  }
  return rests;
}

Deno.test({
  name:
    "a thread rests after a round whose events all come again soon, and never if there was another",
  ignore: !isLibcKnown,
  fn: async () => {
    const library = openLibc();
    assert.equal(await restsAmong(library, [true]), 1);
    assert.equal(await restsAmong(library, [true, true]), 1);
    assert.equal(await restsAmong(library, [true, false]), 0);
    assert.equal(await restsAmong(library, [false]), 0);
    library.close();
  },
});
