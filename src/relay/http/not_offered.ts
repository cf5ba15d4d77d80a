// Why a live stream is not answered in a format.

import { ProxyError } from "../../core/errors.ts";

/**
 * The origin does not offer the stream in this format. The play page recognizes this by its reason.
 */
export class NotOffered extends ProxyError {
  readonly reason = "Not Offered";

  constructor(extension: string) {
    super("not_found", `The origin of this stream does not offer it as .${extension}, or not yet`);
  }
}
