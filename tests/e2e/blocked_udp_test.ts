// A browser in a network that silently loses every UDP packet to the proxy, for good or until its
// session has begun: pages, signalling and media on one HTTPS port. Needs root, to create network namespaces.

import assert from "node:assert/strict";
import { Authority } from "../support/certificates.ts";
import { Browser, CHROMIUM, reaching, type WatchedPage } from "../support/browser.ts";
import { HAS_NAMESPACES, NetworkNamespace } from "../support/network_namespace.ts";
import type { Page } from "../support/page.ts";
import { freePorts } from "../support/ports.ts";
import { Proxy, SHARED_PORT } from "../support/proxy.ts";
import { registeredOrigins, Registration } from "../support/register.ts";
import { sessionsOf, untilTransports } from "../support/sessions.ts";
import { Srs, SRS_BIN } from "../support/srs.ts";
import { until } from "../support/wait.ts";
import { untilItMoves, untilPicture } from "../support/web_player.ts";
import { CAMERA_COLOURS, pressStop, publish } from "../support/web_publisher.ts";
import { WERIFT_RUNS, WeriftOrigin } from "../support/werift_origin.ts";

/** A proxy, and a browser in a network of its own. */
class World implements AsyncDisposable {
  readonly proxy: Proxy;
  readonly network: NetworkNamespace;
  readonly browser: Browser;
  /** The URL of the pages. */
  readonly url: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    { proxy, network, browser }: Pick<World, "proxy" | "network" | "browser">,
    port: number,
    stack: AsyncDisposableStack,
  ) {
    this.proxy = proxy;
    this.network = network;
    this.browser = browser;
    this.url = `https://${network.outside}:${port}`;
    this.#stack = stack;
  }

  static async open(): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await NetworkNamespace.open());
    const authority = stack.use(await Authority.open());
    await authority.pair();
    const [port, webrtc] = freePorts(2);
    const proxy = stack.use(
      await Proxy.open({
        ...SHARED_PORT,
        PROXY_HTTPS_SERVER: `0.0.0.0:${port}`,
        PROXY_WEBRTC_TCP_SERVER: `0.0.0.0:${port}`,
        PROXY_WEBRTC_SERVER: `0.0.0.0:${webrtc}`,
        PROXY_WEBRTC_CANDIDATE: network.outside,
        PROXY_TLS_CERT: authority.folder.file("pair1.pem"),
        PROXY_TLS_KEY: authority.folder.file("pair1.key"),
      }),
    );
    const program = await network.programInside(CHROMIUM);
    const browser = stack.use(await Browser.open([reaching(network.outside)], program));
    return new World({ proxy, network, browser }, port!, stack.move());
  }

  /**
   * Publishes a camera, plays it, and ends both when the picture has been seen. Both begin without
   * UDP, and have it from then on if that is to be their transport.
   */
  async publishAndPlay(transport: "udp" | "tcp"): Promise<void> {
    const publisher = await this.#begin(transport, "/publish", (page) => publish(page, "Camera"));
    const player = await this.#begin(transport, "/?format=webrtc#live/show", untilItMoves);
    await untilPicture(player.page, `blocked_${transport}`, CAMERA_COLOURS);
    await untilTransports(this.proxy, [`play ${transport}`, `publish ${transport}`]);
    for (const { client } of await sessionsOf(this.proxy)) {
      assert.ok(client.startsWith(`${this.network.inside}:`), client);
    }
    await pressStop(player.page);
    await pressStop(publisher.page);
    await until("the sessions end", async () => (await sessionsOf(this.proxy)).length === 0);
    assert.deepEqual([publisher.errors, player.errors], [[], []]);
  }

  async #begin(
    transport: "udp" | "tcp",
    path: string,
    begin: (page: Page) => Promise<void>,
  ): Promise<WatchedPage> {
    await this.network.lose(`ip daddr ${this.network.outside} meta l4proto udp`);
    const opened = await this.browser.openPage(`${this.url}${path}`);
    await begin(opened.page);
    assert.ok(await this.network.lost() > 0, "UDP was tried");
    if (transport === "udp") await this.network.heal();
    return opened;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

Deno.test({
  name: "Chromium publishes and plays over TCP while its network loses UDP, and then over UDP",
  ignore: !HAS_NAMESPACES || !WERIFT_RUNS,
  timeout: 120_000,
  async fn() {
    await using world = await World.open();
    await using origin = await WeriftOrigin.open();
    await using _registration = await Registration.open([world.proxy], origin);
    await world.publishAndPlay("tcp");
    await world.publishAndPlay("udp");
    await until("the origin have no session", async () => {
      return (await origin.seen()).sessions.length === 0;
    });
  },
});

Deno.test({
  name: "Chromium whose network loses UDP, and a real SRS",
  ignore: !HAS_NAMESPACES || SRS_BIN === undefined,
  timeout: 120_000,
  async fn() {
    await using world = await World.open();
    const heartbeatUrl = world.proxy.systemUrl("/api/v1/srs/register");
    await using srs = await Srs.open({ name: "srs", rtc: true, heartbeatUrl });
    await until("SRS register", async () => (await registeredOrigins(world.proxy)).length === 1);
    await world.publishAndPlay("tcp");
    await world.publishAndPlay("udp");
    await until("SRS have no stream", async () => (await srs.publishedStreams()).length === 0);
  },
});
