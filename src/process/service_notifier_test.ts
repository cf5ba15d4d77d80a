import assert from "node:assert/strict";
import { TempFolder } from "../../tests/support/temp_folder.ts";
import { within } from "../../tests/support/wait.ts";
import { systemClock } from "../core/clock.ts";
import { NotifySocket } from "./sd_notify.ts";
import { ServiceNotifier, type ServiceNotifierOptions } from "./service_notifier.ts";

const ignore = Deno.build.os !== "linux";

/** A service manager's end of the socket; it reads only when asked to. */
class Manager implements AsyncDisposable {
  readonly problems: string[] = [];
  readonly #folder = new TempFolder();
  readonly path = this.#folder.file("notify");
  readonly #socket = Deno.listenDatagram({ transport: "unixpacket", path: this.path });

  notifier(options: Partial<ServiceNotifierOptions> = {}): ServiceNotifier {
    return new ServiceNotifier({
      env: { NOTIFY_SOCKET: this.path },
      clock: systemClock,
      hearts: [],
      status: () => Promise.resolve("well"),
      onProblem: (message) => this.problems.push(message),
      onStill: () => assert.fail(),
      ...options,
    });
  }

  async next(): Promise<string> {
    const [bytes] = await within("a datagram", 5_000, this.#socket.receive());
    return new TextDecoder().decode(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#folder[Symbol.asyncDispose]();
  }
}

Deno.test({
  name: "what a busy service manager has no room for is said once it has, and in order",
  ignore,
  async fn() {
    await using manager = new Manager();
    using others = new NotifySocket(manager.path);
    while (others.send({ STATUS: "another service" }));
    using notifier = manager.notifier();
    await notifier.start();
    notifier.reloading();
    notifier.reloaded();
    assert.match(manager.problems.join(), /^Cannot send READY [^,]*$/, "said once");
    const heard: string[] = [];
    while (heard.length < 3) {
      const text = await manager.next();
      if (!text.includes("another service")) heard.push(text.split("\n")[0]!);
    }
    assert.deepEqual(heard, ["READY=1", "RELOADING=1", "READY=1"]);
  },
});

Deno.test({
  name: "once the process is about to end no reload is spoken of, nor one that had begun",
  ignore,
  async fn() {
    await using manager = new Manager();
    using notifier = manager.notifier();
    notifier.reloading();
    assert.match(await manager.next(), /^RELOADING=1/);
    notifier.stopping(1_000);
    assert.match(await manager.next(), /^STOPPING=1\nEXTEND_TIMEOUT_USEC=6000000\n/);
    assert.match(await manager.next(), /^STATUS=well\n$/);
    notifier.reloaded("too late");
    notifier.reloading();
    await notifier.start();
    assert.match(await manager.next(), /^READY=1\nSTATUS=well\n$/, "nothing came between");
  },
});

Deno.test({
  name: "figures that cannot be had harm nobody",
  ignore,
  async fn() {
    await using manager = new Manager();
    using notifier = manager.notifier({ status: () => Promise.reject(new Error("no figures")) });
    await notifier.start();
    assert.match(await manager.next(), /^READY=1\n/);
    notifier.stopping(0);
    assert.match(await manager.next(), /^STOPPING=1\n/);
  },
});

Deno.test({
  name: "a service manager that is gone is complained of once",
  ignore,
  async fn() {
    await using manager = new Manager();
    using notifier = manager.notifier({ env: { NOTIFY_SOCKET: `${manager.path}-gone` } });
    await notifier.start();
    for (let times = 0; times < 100; times++) notifier.reloaded();
    assert.equal(manager.problems.length, 1);
  },
});
