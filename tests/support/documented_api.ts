// Checks an API against its OpenAPI document: every answer of a handler must be documented with its
// status, type and schema, and everything documented must be answered. Knows neither of our APIs.

import assert from "node:assert/strict";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Schema } from "../../src/api/openapi.ts";

/** The parts of a document that are used. */
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: Schema;
}

interface DocumentedOperation {
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Content> }>>;
}

type Content = Record<string, { readonly schema?: Schema }>;

/** An operation in the document. */
export interface OperationName {
  readonly method: string;
  /** With `{name}` for each parameter. */
  readonly path: string;
  /** Whether only clients that may manage can use it. */
  readonly isGuarded: boolean;
  /** Documented statuses. */
  readonly statuses: readonly number[];
}

export interface SeenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Statuses of answers to requests that are not documented. */
const STRANGE = [400, 401, 403, 404, 405, 429];
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** A document, and which of its answers have been seen. */
export class DocumentedApi {
  readonly operations: readonly OperationName[];
  readonly #document: Document;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #seen = new Set<string>();

  constructor(document: Schema) {
    this.#document = closed(JSON.parse(JSON.stringify(document)));
    this.#ajv.addSchema({ $id: "document", components: this.#document.components });
    this.operations = Object.entries(this.#document.paths).flatMap(([path, operations]) => {
      return Object.entries(operations).map(([method, { security, responses }]) => ({
        method: method.toUpperCase(),
        path,
        isGuarded: security === undefined,
        statuses: Object.keys(responses).map(Number).filter((status) => !Number.isNaN(status)),
      }));
    });
  }

  /** Documented answers that no handler has given so far, such as `GET /api/v1/streams 503`. */
  get unseen(): string[] {
    return this.operations
      .flatMap(({ method, path, statuses }) =>
        statuses.map((status) => `${method} ${path} ${status}`)
      )
      .filter((name) => !this.#seen.has(name));
  }

  /**
   * Reads a handler's answer, or the beginning of an endless one, and fails unless it is
   * documented.
   */
  async read(
    request: Request | { method: string; url: string },
    response: Response,
  ): Promise<SeenAnswer> {
    const { status, headers } = response;
    const text = await textOf(response);
    const { pathname } = new URL(request.url, "http://proxy");
    this.#check(request.method, pathname, { status, headers, text });
    return { status, headers, text };
  }

  /**
   * Fails unless the routes of a server and the document have the same operations.
   *
   * @param ask sends the server a request
   */
  async requireRoutes(
    routes: readonly { readonly path: string }[],
    ask: (method: string, path: string) => Promise<Response>,
  ): Promise<void> {
    const answered = new Set<string>();
    for (const path of new Set(routes.flatMap(({ path }) => withOptional(path)))) {
      for (const method of METHODS) {
        const example = anyNames(path).replaceAll("{}", "x");
        if (await isAnswered(await ask(method, example))) {
          answered.add(`${method} ${anyNames(path)}`);
        }
      }
    }
    const documented = this.operations.map(({ method, path }) => `${method} ${anyNames(path)}`);
    assert.deepEqual([...answered].sort(), documented.sort());
  }

  #check(method: string, pathname: string, { status, headers, text }: SeenAnswer): void {
    if (method === "OPTIONS") return assert.equal(status, 204);
    const asked = method === "HEAD" ? "GET" : method;
    const path = this.#pathOf(pathname);
    const operation = this.#document.paths[path]?.[asked.toLowerCase()];
    const name = `${asked} ${path} ${status}`;
    if (operation === undefined) {
      assert.ok(STRANGE.includes(status), `${name} is not documented`);
      return this.#validate(name, { $ref: "document#/components/schemas/Error" }, JSON.parse(text));
    }
    const fallback = operation.responses["default"];
    // An internal error can happen anywhere.
    const documented = operation.responses[status] ?? (status === 500 ? fallback : undefined);
    const others = fallback?.content["*/*"];
    assert.ok(documented ?? others, `${name} is not documented: ${text}`);
    this.#seen.add(name);
    if (method === "HEAD") return;
    const [type = ""] = (headers.get("content-type") ?? "").split(";");
    const content = documented?.content[type] ?? documented?.content["*/*"] ?? others;
    assert.ok(content, `${name} is not documented to be ${type}`);
    if (content.schema === undefined) return;
    this.#validate(name, content.schema, type === "application/json" ? JSON.parse(text) : text);
  }

  /** Paths without parameters come first. */
  #pathOf(pathname: string): string {
    const asked = pathname.replace(/\/$/, "");
    const fitting = Object.keys(this.#document.paths).filter((path) => {
      const pattern = path.replace(/\/$/, "").replace(/\{(?:key|path)\}/g, ".+").replace(
        /\{\w+\}/g,
        "[^/]+",
      );
      return new RegExp(`^${pattern}$`).test(asked);
    });
    return fitting.sort((one, two) => one.split("{").length - two.split("{").length)[0] ?? asked;
  }

  #validate(name: string, schema: Schema, value: unknown): void {
    let validate = this.#validators.get(name);
    if (validate === undefined) {
      const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
      validate = this.#ajv.compile(JSON.parse(text));
      this.#validators.set(name, validate);
    }
    const isValid = validate(value);
    const shown = () =>
      `${name}: ${this.#ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`;
    assert.ok(isValid, isValid ? "" : shown());
  }
}

/** Closes schemas: clients accept unknown fields, but a test requires that all are documented. */
function closed<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(closed) as T;
  if (typeof schema !== "object" || schema === null) return schema;
  const all = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, closed(value)]),
  );
  const isOpen = typeof all["properties"] === "object" && all["type"] === "object" &&
    all["additionalProperties"] === undefined;
  return (isOpen ? { ...all, additionalProperties: false } : all) as T;
}

async function textOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "text/event-stream") return await response.text();
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

/**
 * Whether there is a handler: it may not know an id, but then its answer says more than an unknown
 * path's.
 */
async function isAnswered(response: Response): Promise<boolean> {
  const text = await textOf(response);
  return response.status !== 405 && !(response.status === 404 && text.includes('"Not found"'));
}

/** `/a/:b?` stands for two paths; a catch-all route for none. */
function withOptional(path: string): string[] {
  if (/^\/?\*$|^\/api\/\*$/.test(path)) return [];
  return path.endsWith("?") ? [path.slice(0, path.lastIndexOf("/")), path.slice(0, -1)] : [path];
}

function anyNames(path: string): string {
  return path.replace(/:\w+(?:\{[^}]*\})?|\*|\{\w+\}/g, "{}");
}
