// Folders that are removed at the end of a test.

/** The folder for what all processes of a test run share, if a run was started as a whole. */
export const RUN_FOLDER: string | undefined = Deno.env.get("TEST_FOLDER") || undefined;

const folders = new Set<string>();

globalThis.addEventListener("unload", () => {
  for (const path of folders) Deno.removeSync(path, { recursive: true });
});

/** A new empty folder, removed with everything in it on dispose or at the end of the process. */
export class TempFolder implements AsyncDisposable {
  readonly path: string;

  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "srs-proxy-" });
    folders.add(this.path);
  }

  /** The path of `name` inside the folder. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    folders.delete(this.path);
    await Deno.remove(this.path, { recursive: true });
  }
}
