// A proxy that is out of descriptors refuses new work and keeps running; once some are free it
// serves again.

import assert from "node:assert/strict";
import { Publisher, Viewer } from "../support/ffmpeg.ts";
import { NginxRtmp } from "../support/nginx_rtmp.ts";
import { Proxy } from "../support/proxy.ts";
import { descriptorsOf } from "../support/proxy_figures.ts";
import { Registration } from "../support/register.ts";
import { until } from "../support/wait.ts";

/** Descriptors left to the proxy beyond those it has. */
const ROOM = 6;
const CONNECTIONS = 40;

async function limitDescriptors(proxy: Proxy): Promise<void> {
  const limit = descriptorsOf(proxy) + ROOM;
  const args = ["--pid", String(proxy.process.pid), `--nofile=${limit}:`];
  const { success } = await new Deno.Command("prlimit", { args }).output();
  assert.ok(success);
}

/** Opens as many connections as are accepted, to every port of the proxy. */
async function crowd(proxy: Proxy): Promise<Deno.TcpConn[]> {
  const { rtmp, httpServer, httpApi, systemApi } = proxy.ports;
  const connections: Deno.TcpConn[] = [];
  for (const port of [rtmp, httpServer, httpApi, systemApi]) {
    for (let count = 0; count < CONNECTIONS; count++) {
      const connection = await tryConnect(port);
      if (connection !== undefined) connections.push(connection);
    }
  }
  return connections;
}

/** Connects; undefined if the proxy refuses, as it may now. */
async function tryConnect(port: number): Promise<Deno.TcpConn | undefined> {
  try {
    return await Deno.connect({ hostname: "127.0.0.1", port });
  } catch (error) {
    const { ConnectionReset, ConnectionRefused } = Deno.errors;
    if (error instanceof ConnectionReset || error instanceof ConnectionRefused) return undefined;
    throw error;
  }
}

Deno.test("a proxy out of descriptors keeps its streams, and serves again once some are free", async () => {
  await using proxy = await Proxy.open();
  await using origin = await NginxRtmp.open();
  await using _registration = await Registration.open([proxy], origin);
  await using _publisher = await Publisher.publish(proxy.rtmpUrl("x"));
  await using viewer = new Viewer(proxy.rtmpUrl("x"));
  await viewer.moreVideo(5);
  await limitDescriptors(proxy);
  const connections = await crowd(proxy);
  await viewer.moreVideo(25);
  for (const connection of connections) connection.close();
  await until("every listener answer again", async () => await proxy.isReady(), {
    timeout: 15_000,
  });
  await using late = new Viewer(proxy.rtmpUrl("x"));
  await late.moreVideo(5);
  const metrics = await (await fetch(proxy.systemUrl("/metrics"))).text();
  assert.match(metrics, /srs_proxy_rtmp_refused_total\{reason="limit_descriptors"\} [1-9]/);
  const origins = await (await fetch(proxy.systemUrl("/api/v1/origins"))).json();
  assert.equal(
    origins.origins[0].state,
    "alive",
    "a lack of descriptors is not blamed on the origin",
  );
});
