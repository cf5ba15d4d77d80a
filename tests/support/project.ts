// Where the project lies. Knows nothing else.

import { resolve } from "node:path";

/** The absolute path of the project's folder, without a slash at its end. */
export const PROJECT_FOLDER: string = resolve(import.meta.dirname!, "../..");
