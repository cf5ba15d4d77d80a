// The reject reasons that callers are told: libsrt's own (srt.h), and those for applications
// (access_control.h), which resemble HTTP status codes.

/** SRT_REJ_RESOURCE, SRT_REJ_ROGUE and SRT_REJ_VERSION. */
export const RESOURCE = 3;
export const ROGUE = 4;
export const VERSION = 8;
/** SRT_REJX_BAD_REQUEST, _OVERLOAD, _BAD_MODE, _UNACCEPTABLE, _GW and _DOWN. */
export const BAD_REQUEST = 1400;
export const OVERLOAD = 1402;
export const BAD_MODE = 1405;
export const UNACCEPTABLE = 1406;
export const GATEWAY = 1502;
export const DOWN = 1503;
