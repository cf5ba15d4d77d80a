import assert from "node:assert/strict";
import { Authority } from "../../tests/support/certificates.ts";
import { openTcpEngine } from "../../tests/support/tcp_engines.ts";
import { TlsPeer } from "../../tests/support/tls_peer.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { until } from "../../tests/support/wait.ts";
import { PrometheusMetrics } from "../api/metrics.ts";
import { systemClock } from "../core/clock.ts";
import type { TlsConfig } from "../config/tls.ts";
import type { TlsKeys } from "../net/tls/tls_keys.ts";
import { TlsServer } from "../net/tls/tls_server.ts";
import { Certificates } from "./tls.ts";

const MINUTE = 60_000;
const TEXT = new TextEncoder().encode("x");

/** Certificates of a process in virtual time, and what other threads were told about them. */
class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly told: TlsKeys[] = [];
  readonly metrics = new PrometheusMetrics();
  readonly authority: Authority;
  readonly files: TlsConfig;
  #certificates: Certificates | undefined;

  private constructor(authority: Authority) {
    const { folder } = authority;
    this.authority = authority;
    this.files = {
      ...{ rtmps: { host: "127.0.0.1", port: 0 }, httpsServer: undefined, httpsApi: undefined },
      ...{ systemApi: undefined, clientAuthorities: undefined, originAuthorities: undefined },
      certificates: [folder.file("pair1.pem")],
      keys: [folder.file("pair1.key")],
    };
  }

  static async open(): Promise<World> {
    const authority = await Authority.open();
    await authority.pair();
    const world = new World(authority);
    world.#certificates = await Certificates.open(world.files, {
      ...{ clock: world.clock, metrics: world.metrics },
      onReplaced: (keys) => world.told.push(structuredClone(keys)),
    });
    return world;
  }

  get certificates(): Certificates {
    return this.#certificates!;
  }

  /** Completes a handshake with a peer, as the main thread or with another server. */
  async meet(peer: TlsPeer, server = this.certificates.server): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const engine = openTcpEngine(systemClock, stack, "deno");
    const listen = { host: "127.0.0.1", port: 0 };
    const listener = engine.listen({ name: "test", listen, reusePort: false });
    stack.defer(() => listener.close());
    const [near, far] = await Promise.all([
      listener.accept(),
      Deno.connect({ hostname: "127.0.0.1", port: listener.address.port }),
    ]);
    stack.use(near!);
    stack.use(far);
    await Promise.all([near!.secure(server), peer.shake(far)]);
    await Promise.all([near!.write(TEXT), peer.read(far)]);
  }

  /** The same in a lane that has the latest certificates. */
  async meetElsewhere(peer: TlsPeer): Promise<void> {
    using server = new TlsServer(this.told.at(-1) ?? this.certificates.keys);
    await this.meet(peer, server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.certificates[Symbol.dispose]();
    await this.authority[Symbol.asyncDispose]();
  }
}

Deno.test("a ticket is valid in every thread for an hour, and its key is forgotten after two", async () => {
  await using world = await World.open();
  await world.clock.pass(59 * MINUTE);
  using peer = new TlsPeer();
  await world.meet(peer);
  peer.keepSession();
  assert.equal(world.certificates.keys.ticketKeys.length, 1);
  await world.clock.pass(60 * MINUTE);
  for (const meet of ["meet", "meetElsewhere"] as const) {
    await world[meet](peer);
    assert.equal(peer.isResumed, true, meet);
  }
  await world.clock.pass(MINUTE);
  for (const meet of ["meet", "meetElsewhere"] as const) {
    await world[meet](peer);
    assert.equal(peer.isResumed, false, meet);
  }
  await world.clock.pass(24 * 60 * MINUTE);
  assert.equal(world.certificates.keys.ticketKeys.length, 2);
});

Deno.test("a returning client gets a new certificate, but can resume after a reload without one", async () => {
  await using world = await World.open();
  using peer = new TlsPeer();
  await world.meet(peer);
  peer.keepSession();
  (await world.certificates.prepare(world.files))();
  await world.meetElsewhere(peer);
  assert.equal(peer.isResumed, true);
  const { folder } = world.authority;
  await world.authority.pair();
  await Deno.copyFile(folder.file("pair2.pem"), folder.file("pair1.pem"));
  await Deno.copyFile(folder.file("pair2.key"), folder.file("pair1.key"));
  const before = world.told.length;
  await world.clock.pass(10_000);
  await until("the exchange", () => world.told.length > before);
  for (const meet of ["meet", "meetElsewhere"] as const) {
    await world[meet](peer);
    assert.equal(peer.isResumed, false, meet);
  }
});

Deno.test("a pair that does not fit, has expired or cannot be read is refused in one line, and the old one stays", async () => {
  await using world = await World.open();
  const { certificates, files, authority: { folder } } = world;
  await world.authority.pair();
  await world.authority.pair({ days: -1 });
  const cases = [
    ["pair2.pem", "pair1.key", /pair2\.pem: Cannot use a private key that is not/],
    ["pair3.pem", "pair3.key", /pair3\.pem: it ended on \d{4}-\d\d-\d\d$/],
    ["pair2.key", "pair2.key", /pair2\.key: Cannot read a certificate/],
    ["pair2.pem", "pair2.pem", /pair2\.pem: Cannot read a private key/],
    ["pair2.pem", "none.key", /^Cannot read .*none\.key: /],
  ] as const;
  const { pairs } = certificates.keys;
  for (const [index, [certificate, key, why]] of cases.entries()) {
    const bad = { certificates: [folder.file(certificate)], keys: [folder.file(key)] };
    await assert.rejects(certificates.prepare({ ...files, ...bad }), ({ message }: Error) => {
      assert.doesNotMatch(message, /\n|BEGIN/);
      return why.test(message);
    });
    // The same found by the watch, in the files in use.
    const [inUse, keyInUse] = [folder.file("pair1.pem"), folder.file("pair1.key")];
    const kept = [await Deno.readTextFile(inUse), await Deno.readTextFile(keyInUse)] as const;
    await Deno.copyFile(folder.file(certificate), inUse);
    if (key === "none.key") await Deno.remove(keyInUse);
    else if (key !== "pair1.key") await Deno.copyFile(folder.file(key), keyInUse);
    await world.clock.pass(10_000);
    await until("it be counted", async () => {
      const { text } = await world.metrics.expose();
      return text.includes(`srs_proxy_tls_reload_failures_total ${index + 1}\n`);
    });
    await Deno.writeTextFile(inUse, kept[0]);
    await Deno.writeTextFile(keyInUse, kept[1]);
  }
  const clientAuthorities = folder.file("pair2.key");
  await assert.rejects(
    certificates.prepare({ ...files, clientAuthorities }),
    ({ message }: Error) => /pair2\.key: Cannot read a certificate in PEM$/.test(message),
  );
  assert.deepEqual(certificates.keys.pairs, pairs);
  assert.deepEqual(world.told, []);
  using peer = new TlsPeer();
  await world.meet(peer);
});

Deno.test("the days left are told, and that a certificate has expired while it was in use", async () => {
  await using world = await World.open();
  const { certificates } = world;
  assert.deepEqual(
    [certificates.daysLeft, certificates.trouble],
    [1, "A certificate expires in 1 days"],
  );
  const { now } = Date;
  try {
    Date.now = () => now() + 3 * 24 * 60 * MINUTE;
    assert.deepEqual(
      [certificates.daysLeft, certificates.trouble],
      [-2, "A certificate has expired"],
    );
  } finally {
    Date.now = now;
  }
});
