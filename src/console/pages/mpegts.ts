// The package mpegts.js as it is: its types put everything below `default`, its code does not.

import mpegtsExports from "mpegts.js";

export const mpegts = mpegtsExports as unknown as typeof mpegtsExports.default;
