// The operations of both APIs, from the documents that describe them.

/// <reference lib="dom" />

import { useEffect, useState } from "preact/hooks";
import type { ApiClient } from "./api_client.ts";

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>;
}

interface Parameter {
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
  readonly description?: string;
}

interface OpenApi {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const DOCUMENTS = ["api/v1/openapi.json", "api/v1/openapi.json?api=http"];
const METHODS = ["get", "post", "put", "patch", "delete"] as const;

export function ApiPage({ api }: { api: ApiClient }) {
  return (
    <main>
      <h1>API</h1>
      {DOCUMENTS.map((path) => <DocumentPart key={path} path={path} api={api} />)}
    </main>
  );
}

function DocumentPart({ path, api }: { path: string; api: ApiClient }) {
  const [document, setDocument] = useState<OpenApi>();
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const leave = new AbortController();
    api.get<OpenApi>(path, leave.signal).then(setDocument, (error) => {
      if (!leave.signal.aborted) setFailure(error.message);
    });
    return () => leave.abort();
  }, [api]);
  if (failure !== "") return <p role="alert" class="bad">{failure}</p>;
  if (document === undefined) return null;
  return (
    <section>
      <h2>{document.info.title}</h2>
      <p>
        The whole document is at <a href={path}>{path}</a>.
      </p>
      <ul class="operations">
        {operationsOf(document).map((each) => <OperationItem key={each.id} {...each} />)}
      </ul>
    </section>
  );
}

interface ListedOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

function operationsOf({ paths }: OpenApi): ListedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) => {
    return METHODS.filter((method) => method in methods).map((method) => ({
      ...{ method, path, id: `${method} ${path}` },
      operation: methods[method]!,
    }));
  });
}

function OperationItem({ method, path, operation }: ListedOperation) {
  const { summary, description, parameters = [], responses = {} } = operation;
  return (
    <li>
      <details>
        <summary>
          <strong>{method.toUpperCase()}</strong> <code>{path}</code> <span>{summary}</span>
        </summary>
        {description && <p>{description}</p>}
        <dl class="facts">
          {parameters.filter(({ name }) => name).map(({ name, in: where, description: what }) => (
            <div key={name}>
              <dt>
                <code>{name}</code> ({where})
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
          {Object.entries(responses).map(([status, { description: what }]) => (
            <div key={status}>
              <dt>Answer {status}</dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  );
}
