import assert from "node:assert/strict";
import { type Config, ConfigError, loadConfig } from "./config.ts";
import { parsePathTemplate } from "../core/path_template.ts";
import { CHANGED_VARIABLES } from "../../tests/support/cases/changed_variables.ts";
import { type VariableName, VARIABLES } from "./table.ts";

/** The configuration made from variables, without the variables themselves. */
function load(variables: Record<string, string>): Omit<Config, "variables"> {
  const { variables: _, ...made } = loadConfig({ variables, problems: [] });
  return made;
}

function problemsOf(
  variables: Record<string, string>,
  problems: readonly string[] = [],
): readonly string[] {
  try {
    loadConfig({ variables, problems });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

Deno.test("an empty environment gives the documented defaults", () => {
  assert.deepEqual(load({}), {
    listen: {
      rtmp: { port: 11935 },
      httpServer: { port: 18080 },
      httpApi: { port: 11985 },
      systemApi: { port: 12025 },
      webrtc: { port: 18000 },
      webrtcTcp: undefined,
      srt: { port: 20080 },
      reusePort: false,
    },
    staticFiles: undefined,
    registry: {
      type: "memory",
      originTtl: 300_000,
      streamIdle: 60_000,
      maxOrigins: 10_000,
      maxStreams: 100_000,
      vhosts: [],
      placement: [],
      health: { interval: 2_000, endsSessions: true },
    },
    redis: {
      servers: { kind: "single", address: { host: "127.0.0.1", port: 6379 } },
      access: { username: undefined, password: undefined, database: 0, tls: undefined },
      keyPrefix: "",
    },
    register: { token: undefined, allow: [], allowNames: [] },
    defaultBackend: undefined,
    webhook: { url: undefined, secret: undefined },
    admin: { token: undefined, sites: [], passes: false, originCredentials: undefined },
    apiAuth: { token: undefined },
    tls: {
      rtmps: undefined,
      httpsServer: undefined,
      httpsApi: undefined,
      systemApi: undefined,
      certificates: [],
      keys: [],
      clientAuthorities: undefined,
      originAuthorities: undefined,
    },
    originHeader: "off",
    balancers: { header: "off", trusted: [] },
    limits: { maxConnections: 20_000, maxConnectionsPerAddress: 5_000 },
    identifyMemory: { perConnection: 2 ** 18, perAddress: 2 ** 25, total: 2 ** 27 },
    timeouts: {
      handshake: 10_000,
      identify: 30_000,
      dial: 2_000,
      answer: 30_000,
      idle: 600_000,
      head: 10_000,
      keepAlive: 30_000,
      stall: 30_000,
    },
    http: {
      trustedProxies: [],
      hlsPaths: VARIABLES.PROXY_HLS_PATHS.kind(VARIABLES.PROXY_HLS_PATHS.default),
      originFiles: false,
      corsOrigins: [],
      playerList: true,
    },
    webrtc: {
      candidates: [],
      tcpCandidates: [],
      maxSessions: 10_000,
      maxSessionsPerAddress: 1000,
      startTimeout: 10_000,
      consentTimeout: 30_000,
    },
    srt: {
      maxSessions: 10_000,
      maxSessionsPerAddress: 1000,
      idleTimeout: 10_000,
      maxKeyMaterial: 104,
      defaultStreamId: "",
      cookieSecret: "",
    },
    engine: "auto",
    lanes: undefined,
    quit: { grace: 20_000, force: 30_000 },
    log: { level: "info", format: "text" },
  });
});

Deno.test("an empty variable counts as unset", () => {
  const variables = { PROXY_RTMP_SERVER: "3333", PROXY_HTTP_API: " " };
  const { listen } = loadConfig({ variables, problems: [] });
  assert.equal(listen.rtmp.port, 3333);
  assert.equal(listen.httpApi.port, 11985);
});

Deno.test("every variable reaches its place in the configuration", () => {
  assert.deepEqual(load(CHANGED_VARIABLES), {
    listen: {
      rtmp: { host: "127.0.0.1", port: 1 },
      httpServer: { port: 2 },
      httpApi: { port: 3 },
      systemApi: { port: 4 },
      webrtc: { port: 5 },
      webrtcTcp: { host: "127.0.0.1", port: 18443 },
      srt: { host: "::1", port: 6 },
      reusePort: true,
    },
    staticFiles: "pages",
    registry: {
      type: "redis",
      originTtl: 7_000,
      streamIdle: 8_000,
      maxOrigins: 11,
      maxStreams: 12,
      vhosts: ["v.example.com", "*.tv.example.com"],
      placement: [{ pattern: "*/vip/*", label: "gpu" }],
      health: { interval: 5_000, endsSessions: false },
    },
    redis: {
      servers: {
        kind: "sentinel",
        addresses: [{ host: "sentinel.example", port: 31 }, { host: "::1", port: 32 }],
        master: "master-33",
        username: "user-34",
        password: "password-35",
      },
      access: {
        username: "user-27",
        password: "password-28",
        database: 29,
        tls: {
          ca: "ca-36.pem",
          certificate: "cert-37.pem",
          key: "key-38.pem",
          serverName: "name-39",
        },
      },
      keyPrefix: "prefix-30:",
    },
    register: {
      token: "token-9",
      allow: [
        { bytes: [10, 0, 0, 0], prefix: 8 },
        { bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], prefix: 128 },
      ],
      allowNames: ["srs-1", "*.media.internal"],
    },
    defaultBackend: { ip: "10.0.0.13", rtmp: 14, http: 15, api: 16, rtc: 17, srt: 18 },
    webhook: { url: "https://hooks.example.com/srs", secret: "signed" },
    admin: {
      token: "another",
      sites: ["https://console.example"],
      passes: true,
      originCredentials: "user:pass:word",
    },
    apiAuth: { token: "token-26" },
    tls: {
      rtmps: { host: "127.0.0.1", port: 61 },
      httpsServer: { port: 62 },
      httpsApi: { port: 63 },
      systemApi: { port: 64 },
      certificates: ["one.pem", "two.pem"],
      keys: ["one.key", "two.key"],
      clientAuthorities: "ca.pem",
      originAuthorities: "origins.pem",
    },
    originHeader: "srs",
    balancers: { header: "optional", trusted: [{ bytes: [10, 0, 0, 0], prefix: 8 }] },
    limits: { maxConnections: 24, maxConnectionsPerAddress: 25 },
    identifyMemory: { perConnection: 131_073, perAddress: 60 * 2 ** 20, total: 2 ** 30 },
    timeouts: {
      handshake: 19_000,
      identify: 20_000,
      dial: 21_000,
      answer: 22_000,
      idle: 23_000,
      head: 33_000,
      keepAlive: 34_000,
      stall: 35_000,
    },
    http: {
      trustedProxies: [{ bytes: [10, 0, 0, 0], prefix: 8 }],
      hlsPaths: [parsePathTemplate("[app]/[stream].ts")],
      originFiles: true,
      corsOrigins: ["https://tv.example", "http://[::1]:8080"],
      playerList: false,
    },
    webrtc: {
      candidates: [{ host: "203.0.113.36", port: 37 }, { host: "media.example" }],
      tcpCandidates: [{ host: "203.0.113.8" }],
      maxSessions: 51,
      maxSessionsPerAddress: 52,
      startTimeout: 53_000,
      consentTimeout: 54_000,
    },
    srt: {
      maxSessions: 55,
      maxSessionsPerAddress: 56,
      idleTimeout: 57_000,
      maxKeyMaterial: 58,
      defaultStreamId: "#!::r=live/sixty,m=publish",
      cookieSecret: "secret-59",
    },
    engine: "deno",
    lanes: 7,
    quit: { grace: 0, force: 32_000 },
    log: { level: "warning", format: "json" },
  });
});

Deno.test("every problem is reported at once, by the name of its variable", () => {
  const wrong: Partial<Record<VariableName, string>> = {
    PROXY_RTMP_SERVER: "rtmp",
    PROXY_ORIGIN_SERVER_TTL: "0s",
    PROXY_STREAM_IDLE_TTL: "-1s",
    PROXY_IDLE_TIMEOUT: "600h",
    PROXY_REGISTER_ALLOW: "10.0.0.0/8,*",
    PROXY_MAX_STREAMS: "1.5",
    PROXY_IDENTIFY_MEMORY: "1t",
    PROXY_IDENTIFY_MEMORY_PER_CONNECTION: "64",
    PROXY_LOAD_BALANCER_TYPE: "etcd",
    PROXY_DEFAULT_BACKEND_ENABLED: "maybe",
    PROXY_DEFAULT_BACKEND_IP: "10.0.0",
    PROXY_DEFAULT_BACKEND_RTMP: "70000",
    PROXY_HLS_PATHS: "[app]/[stream].m3u8,[app]/[name].ts",
    PROXY_WEBRTC_CANDIDATE: "203.0.113.7,1.2.3",
    PROXY_REDIS_DB: "-1",
    PROXY_FORCE_QUIT_TIMEOUT: "soon",
    PROXY_LOG_LEVEL: "loud",
  };
  const problems = problemsOf(wrong, [".env line 2: bad"]);
  assert.equal(problems[0], ".env line 2: bad");
  const named = problems.slice(1).map((problem) => problem.split(": ")[0] ?? "");
  assert.deepEqual(named.toSorted(), Object.keys(wrong).toSorted());
  for (const problem of problems.slice(1)) {
    assert.match(problem, /^\w+: Cannot .*: current value is/);
  }
});

const AUTH = {
  PROXY_HTTP_API_AUTH_ENABLED: "on",
  PROXY_HTTP_API_AUTH_TYPE: "bearer",
  PROXY_HTTP_API_AUTH_TOKEN: "abc",
};

Deno.test("checking registrations requires a type and a token, and secrets are never shown", () => {
  const kind = "PROXY_HTTP_API_AUTH_TYPE: Cannot use a kind of token other than bearer";
  assert.deepEqual(problemsOf({ PROXY_HTTP_API_AUTH_ENABLED: "on" }), [
    `${kind}: current value is empty`,
    "PROXY_HTTP_API_AUTH_TOKEN: Cannot be empty while PROXY_HTTP_API_AUTH_ENABLED is on",
  ]);
  assert.deepEqual(problemsOf({ ...AUTH, PROXY_HTTP_API_AUTH_TYPE: "basic" }), [
    `${kind}: current value is basic`,
  ]);
  const [problem = "", ...more] = problemsOf({ ...AUTH, PROXY_HTTP_API_AUTH_TOKEN: "my secret" });
  assert.match(problem, /^PROXY_HTTP_API_AUTH_TOKEN: Cannot use this token/);
  assert.ok(!problem.includes("secret"));
  assert.deepEqual(more, []);
});

Deno.test("the reference's variables guard registration, and the HTTP API has a token of its own", () => {
  const { register, apiAuth } = load(AUTH);
  assert.deepEqual([register.token, apiAuth.token], ["abc", undefined]);
  assert.equal(load({ ...AUTH, PROXY_REGISTER_TOKEN: "abc" }).register.token, "abc");
  const [problem = "", ...more] = problemsOf({ ...AUTH, PROXY_REGISTER_TOKEN: "xyz" });
  assert.match(
    problem,
    /^PROXY_REGISTER_TOKEN: Cannot differ from PROXY_HTTP_API_AUTH_TOKEN/,
  );
  assert.ok(!problem.includes("abc") && !problem.includes("xyz"));
  assert.deepEqual(more, []);
  const own = load({ PROXY_API_TOKEN: "xyz" });
  assert.deepEqual([own.register.token, own.apiAuth.token], [undefined, "xyz"]);
});

Deno.test("TLS needs certificates, each with its key", () => {
  for (const name of ["PROXY_RTMPS_SERVER", "PROXY_HTTPS_SERVER", "PROXY_HTTPS_API"]) {
    const [problem = ""] = problemsOf({ [name]: "4433" });
    assert.equal(problem, `${name}: Cannot speak TLS while PROXY_TLS_CERT is empty`);
  }
  const [keys = ""] = problemsOf({ PROXY_TLS_CERT: "a.pem,b.pem", PROXY_TLS_KEY: "a.key" });
  assert.match(keys, /^PROXY_TLS_KEY: .* current value is 1 for 2$/);
  const [authorities = ""] = problemsOf({ PROXY_SYSTEM_API_CLIENT_CA: "ca.pem" });
  assert.match(authorities, /^PROXY_SYSTEM_API_CLIENT_CA: /);
});

Deno.test("headers can be required only if load balancers are named", () => {
  const [problem = ""] = problemsOf({ PROXY_PROTOCOL: "required" });
  assert.match(problem, /^PROXY_PROTOCOL: Cannot be required while PROXY_TRUSTED_PROXIES is empty/);
});

Deno.test("a token has no effect while the check is off", () => {
  const { register } = load({
    PROXY_HTTP_API_AUTH_TOKEN: "abc",
    PROXY_HTTP_API_AUTH_TYPE: "basic",
  });
  assert.equal(register.token, undefined);
});

Deno.test("the HTTP API and the HTTP server may share an address, and no others", () => {
  const shared = (server: string, api: string) => {
    return problemsOf({ PROXY_HTTP_SERVER: server, PROXY_HTTP_API: api });
  };
  const clash = [
    "PROXY_HTTP_API: Cannot share a port with PROXY_HTTP_SERVER: current value is 8080",
  ];
  assert.deepEqual(shared("8080", "8080"), []);
  assert.deepEqual(shared("127.0.0.1:8080", "127.0.0.1:8080"), []);
  assert.deepEqual(shared("8080", "127.0.0.1:8080"), clash);
  const third = { PROXY_HTTP_SERVER: "8080", PROXY_HTTP_API: "8080", PROXY_SYSTEM_API: "8080" };
  assert.deepEqual(problemsOf(third), [
    "PROXY_SYSTEM_API: Cannot share a port with PROXY_HTTP_SERVER: current value is 8080",
  ]);
});

Deno.test("WebRTC over TCP may share a port of the HTTP server if that serves only streams", () => {
  const clashes = (variables: Record<string, string>) =>
    problemsOf({
      ...{ PROXY_TLS_CERT: "c.pem", PROXY_TLS_KEY: "k.pem" },
      ...variables,
    });
  const https = { PROXY_HTTPS_SERVER: "443", PROXY_WEBRTC_TCP_SERVER: "443" };
  assert.deepEqual(clashes(https), []);
  assert.deepEqual(clashes({ PROXY_HTTP_SERVER: "80", PROXY_WEBRTC_TCP_SERVER: "80" }), []);
  const all = { ...https, PROXY_HTTP_SERVER: "8080", PROXY_HTTP_API: "8080" };
  assert.deepEqual(clashes(all), [
    "PROXY_WEBRTC_TCP_SERVER: Cannot share a port with PROXY_HTTPS_SERVER: current value is 443",
  ]);
  const others = [
    ...["PROXY_RTMP_SERVER", "PROXY_HTTP_API", "PROXY_SYSTEM_API"],
    ...["PROXY_RTMPS_SERVER", "PROXY_HTTPS_API", "PROXY_SYSTEM_API_TLS"],
  ];
  for (const name of others) {
    assert.deepEqual(clashes({ [name]: "443", PROXY_WEBRTC_TCP_SERVER: "443" }), [
      `PROXY_WEBRTC_TCP_SERVER: Cannot share a port with ${name}: current value is 443`,
    ]);
  }
  const apart = { PROXY_HTTPS_SERVER: "127.0.0.1:443", PROXY_WEBRTC_TCP_SERVER: "443" };
  assert.deepEqual(clashes(apart), [
    "PROXY_WEBRTC_TCP_SERVER: Cannot share a port with PROXY_HTTPS_SERVER: current value is 443",
  ]);
  assert.deepEqual(clashes({ PROXY_WEBRTC_SERVER: "443", ...https }), [], "UDP is another port");
});

Deno.test("two listeners cannot share a port, unless they have different addresses", () => {
  const cases: [string, string, boolean][] = [
    ["1935", "1935", true],
    ["127.0.0.1:1935", "1935", true],
    ["127.0.0.1:1935", "127.0.0.1:1935", true],
    ["127.0.0.1:1935", "10.0.0.1:1935", false],
    ["0", "0", false],
  ];
  for (const [rtmp, api, clash] of cases) {
    const problems = problemsOf({ PROXY_RTMP_SERVER: rtmp, PROXY_HTTP_API: api });
    const expected = clash
      ? ["PROXY_HTTP_API: Cannot share a port with PROXY_RTMP_SERVER: current value is 1935"]
      : [];
    assert.deepEqual(problems, expected, `${rtmp} and ${api}`);
  }
  assert.deepEqual(
    problemsOf({ PROXY_RTMP_SERVER: "8000", PROXY_WEBRTC_SERVER: "8000" }),
    [],
    "TCP and UDP do not meet",
  );
});

Deno.test("every default can be read by its own kind", () => {
  for (const [name, { kind, default: text }] of Object.entries(VARIABLES)) {
    assert.doesNotThrow(() => kind(text), name);
  }
});
