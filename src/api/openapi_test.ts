// The documents are OpenAPI, say what the handlers can do and no more, and answers are as they say.

import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { ABOUT, GOOD, openDesk, REGISTER } from "../../tests/support/system_desk.ts";
import { httpDocument } from "./http_document.ts";
import { LiveSessions } from "./session_log.ts";
import { SessionTallies } from "./session_tallies.ts";
import { systemDocument } from "./system_document.ts";

interface Document {
  readonly paths: Record<string, Record<string, DocumentedOperation>>;
}

interface DocumentedOperation {
  readonly responses: {
    readonly 200: { readonly content: Record<string, { readonly schema: object }> };
  };
}

for (const [name, document] of [["System", systemDocument("1")], ["HTTP", httpDocument("1")]]) {
  Deno.test(`the document of the ${name} API is valid OpenAPI 3.1`, async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as Record<string, unknown>);
    assert.deepEqual([result.valid, result.errors], [true, undefined]);
    assert.equal(validator.version, "3.1");
  });
}

Deno.test("the System API has just the routes that its document says", async () => {
  await using desk = await openDesk();
  const routes = desk.routes
    .filter(({ method, path }) => method !== "ALL" && !(method === "OPTIONS" && path === "/*"))
    .map(({ method, path }) => {
      const named = path.replace(/:(\w+)/g, "{$1}").replace("streams/*", "streams/{key}");
      return `${method} ${named}`;
    });
  const { paths } = systemDocument("1") as unknown as Document;
  const documented = Object.entries(paths).flatMap(([path, operations]) => {
    return Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`);
  });
  assert.deepEqual([...new Set(routes)].sort(), documented.sort());
});

Deno.test("answers of the System API are as its document says", async () => {
  const sessions = new LiveSessions({ capacity: 10 });
  await using desk = await openDesk({
    sessions: { list: (page) => sessions.list(page), kick: () => true },
    tallies: () => new SessionTallies(sessions.all(), (stream) => stream),
  });
  await desk.ask("POST", REGISTER, GOOD);
  desk.registry.unreachable("vid-1", "rtmp");
  for (const intent of ["publish", "play"] as const) {
    const request = { stream: "v/a/s", intent, session: intent, protocol: "rtmp" } as const;
    const { id: origin } = await desk.registry.resolve({ ...request, failed: [] });
    await desk.registry.confirm(intent);
    sessions.opened({ ...request, origin, client: "10.0.0.9:1" });
  }
  const { body } = await desk.ask("GET", "/api/v1/openapi.json");
  assert.deepEqual(body, JSON.parse(JSON.stringify(systemDocument(ABOUT.version))));
  const { paths, ...rest } = body as unknown as Document;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema({ $id: "document", ...rest });
  const asked = [
    ["GET", "/api/v1/versions", "/api/v1/versions"],
    ["GET", "/healthz", "/healthz"],
    ["GET", "/readyz", "/readyz"],
    ["POST", "/api/v1/srs/register", REGISTER, GOOD],
    ["GET", "/api/v1/origins", "/api/v1/origins?limit=1"],
    ["GET", "/api/v1/origins/{server}", "/api/v1/origins/vid-1"],
    ["PATCH", "/api/v1/origins/{server}", "/api/v1/origins/vid-1", { weight: 5, labels: ["a"] }],
    ["POST", "/api/v1/origins/{server}/drain", "/api/v1/origins/vid-1/drain"],
    ["POST", "/api/v1/origins/{server}/undrain", "/api/v1/origins/vid-1/undrain"],
    ["GET", "/api/v1/streams", "/api/v1/streams"],
    ["GET", "/api/v1/streams/{key}", "/api/v1/streams/v/a/s"],
    ["GET", "/api/v1/sessions", "/api/v1/sessions?limit=1"],
    ["DELETE", "/api/v1/sessions/{session}", "/api/v1/sessions/play"],
    ["DELETE", "/api/v1/streams/{key}", "/api/v1/streams/v/a/s"],
    ["DELETE", "/api/v1/origins/{server}", "/api/v1/origins/vid-1"],
  ] as const;
  for (const [method, path, url, sent] of asked) {
    const answer = await desk.ask(method, url, sent);
    assert.equal(answer.status, 200, `${method} ${url} ${JSON.stringify(answer.body)}`);
    const operation = paths[path]![method.toLowerCase()]!;
    const { schema } = operation.responses[200].content["application/json"]!;
    const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
    const isValid = ajv.validate(JSON.parse(text), answer.body);
    assert.ok(isValid, `${method} ${path}: ${ajv.errorsText()} in ${JSON.stringify(answer.body)}`);
  }
});
