/**
 * Application-layer protocol (RFC 7301) of sessions with streams. As in drafts over QMux the number is of the mapping,
 * and changes with anything that two versions would understand differently.
 */
export const SESSION_ALPN = "sealgram-01";
