// The header and footer of every page.

/// <reference lib="dom" />

/** The pages, by their addresses relative to each other. */
const PAGES = [
  { href: "./", title: "Play a stream" },
  { href: "publish", title: "Publish a stream" },
] as const;

/** The page's title, and links to the other pages. */
export function PageHead({ title }: { title: typeof PAGES[number]["title"] }) {
  return (
    <header>
      <h1>{title}</h1>
      <nav aria-label="Pages">
        {PAGES.filter((page) => page.title !== title).map((page) => (
          <a key={page.href} href={page.href}>{page.title}</a>
        ))}
      </nav>
    </header>
  );
}

/** The notices that the libraries' licences require. */
export function Footer() {
  return (
    <footer>
      <a href="console/licenses.txt">Licences of the libraries on this page</a>
    </footer>
  );
}
