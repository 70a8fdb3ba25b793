/** The machine shows a host key that it is not known by: somebody else may be answering. Never tried again. */
export class HostKeyError extends Error {}

/** The connection is gone, or was never there. What was asked may have happened or not. */
export class ConnectionLost extends Error {}

/** The machine could not be reached for as long as it may be away, or has forgotten the build. */
export class MachineLost extends Error {}

/** The machine refused or failed to do something; asking again may or may not help. */
export class MachineRefused extends Error {}
