// The location of the project.

import { resolve } from "node:path";

/** The absolute path of the project's folder, without a trailing slash. */
export const PROJECT_FOLDER: string = resolve(import.meta.dirname!, "../..");
