// The files in deploy/ fit this program: alerts fire when they should, dashboards query existing
// metrics, and the Kubernetes example is valid for Kubernetes and the proxy.

import assert from "node:assert/strict";
import { METRICS } from "../../src/core/metric_table.ts";
import { PROCESS_METRICS } from "../../src/api/process_metrics.ts";
import { VARIABLES } from "../../src/config/table.ts";
import { faultsOf, type KubernetesObject, readObjects } from "../support/kubernetes.ts";
import { PROJECT_FOLDER } from "../support/project.ts";
import { DEFAULT_PORTS, Proxy, runProxy } from "../support/proxy.ts";

const DEPLOY = `${PROJECT_FOLDER}/deploy`;
/** Prometheus's own metrics, and the usual ones of processes. */
const USUAL = /^(?:up|process_(?:open_fds|max_fds|cpu_seconds_total|resident_memory_bytes))$/;

async function promtool(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("promtool", {
    args: [...args],
    cwd: `${DEPLOY}/prometheus`,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${text.decode(stdout)}\n${text.decode(stderr)}`);
  return text.decode(stdout);
}

Deno.test("each alert fires for its cause, and none fires for a healthy proxy", async () => {
  const alerts = await Deno.readTextFile(`${DEPLOY}/prometheus/alerts.yml`);
  const tests = await Deno.readTextFile(`${DEPLOY}/prometheus/alerts_test.yml`);
  const names = Array.from(alerts.matchAll(/- alert: (\w+)/g), ([, name]) => name!);
  assert.ok(names.length >= 15);
  for (const name of names) {
    assert.equal(tests.split(`alertname: ${name}\n`).length, 3, `${name}: on once and off once`);
  }
  assert.match(await promtool("check", "rules", "alerts.yml"), /SUCCESS/);
  assert.match(await promtool("test", "rules", "alerts_test.yml"), /SUCCESS/);
});

Deno.test("alerts and panels query only existing metrics, labels and values", async () => {
  const dashboard = await Deno.readTextFile(`${DEPLOY}/grafana/dashboard.json`);
  const alerts = await Deno.readTextFile(`${DEPLOY}/prometheus/alerts.yml`);
  const expressions = expressionsOf(JSON.parse(dashboard));
  assert.ok(expressions.length > 30);
  for (const text of [...expressions, alerts]) {
    for (const [, name = "", selector = ""] of text.matchAll(NAMES)) {
      if (!USUAL.test(name)) checkSelector(name, selector);
    }
  }
});

/** Names of metrics, with the label matchers after them. */
const NAMES = /\b((?:srs_proxy|process)_[a-z_]+[a-z]|up)\b(?:\{([^}]*)\})?/g;

function checkSelector(name: string, selector: string): void {
  const base = name.replace(/_(?:bucket|sum|count)$/, "");
  if (PROCESS_METRICS.includes(name)) return;
  assert.ok(base in METRICS, name);
  const { kind, labels } = METRICS[base as keyof typeof METRICS];
  assert.equal(kind === "histogram", base !== name, name);
  for (
    const [, label = "", operator, value = ""] of selector.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)
  ) {
    if (["instance", "job"].includes(label)) continue;
    const known: readonly string[] | undefined =
      (labels as Record<string, readonly string[]>)[label];
    assert.ok(known, `${name} has no ${label}`);
    const alternatives = operator === "=~" ? value.split("|") : [value];
    for (const each of alternatives) {
      const shape = new RegExp(`^${each}$`);
      assert.ok(known.some((one) => shape.test(one)), `${name}: ${label} is never ${each}`);
    }
  }
}

/** Every `expr` and query in a dashboard. */
function expressionsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inside]) => {
    const isText = (key === "expr" || key === "query") && typeof inside === "string";
    return isText ? [inside] : expressionsOf(inside);
  });
}

const EXAMPLE = `${DEPLOY}/kubernetes/srs-proxy.yaml`;

Deno.test("the example is valid for Kubernetes, and faults in it would be found", async () => {
  const objects = await readObjects(EXAMPLE);
  assert.equal(await faultsOf(objects), "");
  const broken = (change: (copy: KubernetesObject) => void) => {
    const copy = structuredClone(deploymentOf(objects));
    change(copy);
    return [copy];
  };
  const unknown = broken(({ spec }) => spec.template.spec.containers[0].livelinessProbe = {});
  assert.match(await faultsOf(unknown), /livelinessProbe/);
  const wrong = broken(({ spec }) => spec.template.spec.terminationGracePeriodSeconds = "700");
  assert.match(await faultsOf(wrong), /string/);
});

Deno.test("the example fits the proxy: variables, ports, probes and the time to drain", async () => {
  const objects = await readObjects(EXAMPLE);
  const { data } = objects.find(({ kind }) => kind === "ConfigMap")!;
  const { stringData } = objects.find(({ kind }) => kind === "Secret")!;
  const { code, errors } = await runProxy(["--check"], { ...data, ...stringData });
  assert.equal(code, 0, errors);
  for (const name of Object.keys({ ...data, ...stringData })) assert.ok(name in VARIABLES, name);

  const { spec } = deploymentOf(objects).spec.template;
  const [container] = spec.containers;
  const ports: readonly Record<string, unknown>[] = container.ports;
  const { rtmp, httpServer, httpApi, systemApi, webrtc, srt } = DEFAULT_PORTS;
  assert.deepEqual(
    ports.map(({ name, containerPort, protocol }) => [name, containerPort, protocol]),
    [
      ["rtmp", rtmp, "TCP"],
      ["http", httpServer, "TCP"],
      ["api", httpApi, "TCP"],
      ["system", systemApi, "TCP"],
      ["webrtc", webrtc, "UDP"],
      ["srt", srt, "UDP"],
    ],
  );
  const named = objects.filter(({ kind }) => kind === "Service").flatMap(({ spec }) => spec.ports);
  assert.equal(named.length, ports.length);
  for (const { targetPort, protocol } of named) {
    assert.ok(ports.some((port) => port.name === targetPort && port.protocol === protocol));
  }
  await using proxy = await Proxy.open();
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    const { path, port } = container[name].httpGet;
    assert.equal(port, "system", name);
    assert.equal(await statusOf(proxy.systemUrl(path)), 200, name);
  }
  const { annotations } = deploymentOf(objects).spec.template.metadata;
  assert.equal(annotations["prometheus.io/port"], String(systemApi));
  assert.equal(await statusOf(proxy.systemUrl(annotations["prometheus.io/path"])), 200);
  const { periodSeconds, failureThreshold } = container.readinessProbe;
  assert.ok(container.lifecycle.preStop.sleep.seconds > periodSeconds * failureThreshold);
  const minutes = Number(/^(\d+)m$/.exec(data.PROXY_FORCE_QUIT_TIMEOUT)![1]);
  const needed = container.lifecycle.preStop.sleep.seconds + minutes * 60;
  assert.ok(spec.terminationGracePeriodSeconds > needed);
  assert.equal(data.PROXY_LANES, container.resources.limits.cpu);
});

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

function deploymentOf(objects: readonly KubernetesObject[]): KubernetesObject {
  return objects.find(({ kind }) => kind === "Deployment")!;
}

Deno.test("the image has all modules of the program, its ports and its Deno", async () => {
  const dockerfile = await Deno.readTextFile(`${DEPLOY}/Dockerfile`);
  const copied = Array.from(dockerfile.matchAll(/^COPY (?!--)(.*) \S+$/gm), ([, names]) => {
    return names!.split(" ");
  }).flat();
  const admitted = await Deno.readTextFile(`${DEPLOY}/Dockerfile.dockerignore`);
  assert.deepEqual(admitted.trim().split("\n"), ["*", ...copied.map((path) => `!${path}`)]);
  for (const entry of ["main.ts", "scripts/compile.ts", "src/console/operator/console.tsx"]) {
    for (const path of await modulesOf(entry)) {
      assert.ok(copied.includes(path.split("/")[0]!), `${entry} needs ${path}`);
    }
  }
  const exposed = /^EXPOSE (.*)$/m.exec(dockerfile)![1]!.split(" ");
  const { rtmp, httpServer, httpApi, systemApi, webrtc, srt } = DEFAULT_PORTS;
  const wanted = [rtmp, httpServer, httpApi, systemApi].map((port) => `${port}/tcp`);
  assert.deepEqual(exposed, [...wanted, `${webrtc}/udp`, `${srt}/udp`]);
  const [, version] = /denoland\/deno:debian-(\S+)/.exec(dockerfile)!;
  const readme = await Deno.readTextFile(`${PROJECT_FOLDER}/README.md`);
  assert.ok(readme.includes(`deno@${version}`), `${version} is not the Deno of the README`);
});

/** The files of this project that an entry imports, as paths in the project. */
async function modulesOf(entry: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--quiet", "--json", entry],
    cwd: PROJECT_FOLDER,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const root = `file://${PROJECT_FOLDER}/`;
  return modules.map(({ specifier }: { specifier: string }) => specifier)
    .filter((specifier: string) => specifier.startsWith(root))
    .map((specifier: string) => specifier.slice(root.length));
}
