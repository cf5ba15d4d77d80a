// Finds all ports that cannot be bound, so that an operator need not find them one start at a time.
// Binds each for a moment, so it is only for a start that has already failed.

import type { ListenAddress } from "../core/endpoint.ts";
import { ProxyError } from "../core/errors.ts";
import type { Transport } from "../core/fleet.ts";
import { bind } from "./bind.ts";

export interface WantedPort {
  /** What listens, for the error: "RTMP". */
  readonly name: string;
  readonly transport: Transport;
  readonly listen: ListenAddress;
}

/** One line for each port that cannot be bound, in the order given. */
export function findBusyPorts(ports: readonly WantedPort[]): string[] {
  return ports.flatMap(({ name, transport, listen }) => {
    try {
      bind(name, listen, (where) => {
        if (transport === "tcp") Deno.listen(where).close();
        else Deno.listenDatagram({ ...where, transport: "udp" }).close();
      });
      return [];
    } catch (error) {
      if (error instanceof ProxyError) return [error.message];
      throw error;
    }
  });
}
