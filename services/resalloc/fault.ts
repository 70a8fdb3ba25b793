/** What a client of XML-RPC gets instead of a result. The codes are those that XML-RPC servers have agreed on. */
export const FAULTS = {
  malformed: -32700,
  unknownMethod: -32601,
  wrongParameters: -32602,
  /** Another try may help: the API server is away, or too many clients wait. */
  unavailable: -32500,
  internal: -32603,
} as const;

export type FaultKind = keyof typeof FAULTS;

export class Fault extends Error {
  readonly kind: FaultKind;
  constructor(kind: FaultKind, message: string) {
    super(message);
    this.name = 'Fault';
    this.kind = kind;
  }
}
