// Starts the console: logs in, listens for changes and shows the page that the address names.

/// <reference lib="dom" />

import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ApiClient, type ApiError, keepToken, keptToken } from "./api_client.ts";
import { ApiPage } from "./api_page.tsx";
import { ChangeFeed, type FeedState } from "./change_feed.ts";
import { Login } from "./login.tsx";
import { OriginPage } from "./origin_page.tsx";
import { OriginsPage } from "./origins_page.tsx";
import { OverviewPage } from "./overview_page.tsx";
import type { PreviewPlace } from "./preview.tsx";
import { type Question, QuestionDialog } from "./question.tsx";
import { parseRoute, type Route, routeTo } from "./route.ts";
import { SessionsPage } from "./sessions_page.tsx";
import { StreamPage } from "./stream_page.tsx";
import { StreamsPage } from "./streams_page.tsx";
import type { Sources } from "./use_list.ts";

const PAGES = [
  ["", "Overview"],
  ["origins", "Origins"],
  ["streams", "Streams"],
  ["sessions", "Sessions"],
  ["api", "API"],
] as const;
const FEED_TEXTS: Readonly<Record<FeedState, string>> = {
  connecting: "Every 5 s",
  live: "Live",
  absent: "Every 5 s",
};

interface Asked {
  readonly question: Question;
  readonly onDone: () => void;
}

/** Logs in; whether the API lets this browser in is unknown at first. */
function Console({ place }: { place: PreviewPlace }) {
  const [token, setToken] = useState(keptToken);
  const [refusal, setRefusal] = useState<ApiError>();
  const [isIn, setIn] = useState(false);
  const api = useMemo(() => new ApiClient(token, setRefusal), [token]);
  useEffect(() => {
    const leave = new AbortController();
    api.get("api/v1/history", leave.signal).then(() => setIn(true), () => {});
    return () => leave.abort();
  }, [api]);
  const logIn = (given: string) => {
    keepToken(given);
    setRefusal(undefined);
    setToken(given);
  };
  if (refusal) {
    return <Login refusal={refusal} hasTried={token !== ""} onToken={logIn} />;
  }
  if (!isIn) return <main class="login" aria-busy="true">Connecting …</main>;
  const logOut = () => {
    logIn("");
    location.reload();
  };
  return <Desk api={api} place={place} onLogOut={token === "" ? undefined : logOut} />;
}

interface DeskProps {
  readonly api: ApiClient;
  readonly place: PreviewPlace;
  /** Undefined if no login was needed. */
  readonly onLogOut: (() => void) | undefined;
}

function Desk({ api, place, onLogOut }: DeskProps) {
  const route = useRoute();
  const [feedState, setFeedState] = useState<FeedState>("connecting");
  const [asked, setAsked] = useState<Asked>();
  const feed = useMemo(() => new ChangeFeed(api, setFeedState), [api]);
  useEffect(() => () => feed.close(), [feed]);
  const act = (question: Question, onDone: () => void) => setAsked({ question, onDone });
  return (
    <>
      <header class="bar">
        <a class="skip" href="#content" onClick={toContent}>To the content</a>
        <strong>SRS Proxy</strong>
        <nav aria-label="Pages">
          {PAGES.map(([page, title]) => (
            <a
              key={page}
              href={routeTo(page)}
              aria-current={route.page === page ? "page" : undefined}
            >
              {title}
            </a>
          ))}
        </nav>
        <span class="feed" data-feed={feedState}>{FEED_TEXTS[feedState]}</span>
        {onLogOut && <button type="button" onClick={onLogOut}>Log out</button>}
      </header>
      {!onLogOut && (
        <aside class="note" aria-label="Access">
          No PROXY_ADMIN_TOKEN is set: only browsers on the proxy's own machine are let in.
        </aside>
      )}
      <div id="content" tabIndex={-1}>
        <Page {...{ route, api, feed, place, act }} />
      </div>
      <footer>
        SRS Proxy {factOf("proxy-version")} ·{" "}
        <a href="console/licenses.txt">Licences of the libraries on this page</a>
      </footer>
      {asked && (
        <QuestionDialog
          question={asked.question}
          onClose={(isDone) => {
            setAsked(undefined);
            if (isDone) asked.onDone();
          }}
        />
      )}
    </>
  );
}

interface PageProps extends Sources {
  readonly route: Route;
  readonly place: PreviewPlace;
  readonly act: (question: Question, onDone: () => void) => void;
}

function Page({ route, api, feed, place, act }: PageProps) {
  const { page, name, params } = route;
  const param = (key: string) => params.get(key) ?? "";
  const [search, origin, stream] = [param("q"), param("origin"), param("stream")];
  switch (page) {
    case "origins":
      if (name !== "") return <OriginPage {...{ api, feed, act }} server={name} />;
      return <OriginsPage {...{ api, feed, act, search }} />;
    case "streams":
      if (name !== "") return <StreamPage {...{ api, feed, act, place }} stream={name} />;
      return <StreamsPage {...{ api, feed, search, origin }} />;
    case "sessions":
      return <SessionsPage {...{ api, feed, act, search, origin, stream }} />;
    case "api":
      return <ApiPage api={api} />;
    default:
      return <OverviewPage {...{ api, feed }} />;
  }
}

function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onChange = () => setHash(location.hash);
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return useMemo(() => parseRoute(hash), [hash]);
}

/** Moves the focus without changing the address, whose fragment names the page. */
function toContent(event: Event): void {
  event.preventDefault();
  document.getElementById("content")!.focus();
}

/** A fact that the proxy has written into the page. */
function factOf(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
}

/** A secure page may not request streams from a port without TLS. */
function previewPlace(): PreviewPlace {
  const isSecure = location.protocol === "https:";
  const port = factOf(isSecure ? "https-port" : "http-port");
  return port === "" ? undefined : `${location.protocol}//${location.hostname}:${port}`;
}

render(<Console place={previewPlace()} />, document.getElementById("console")!);
