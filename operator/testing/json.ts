/** Small helpers on JSON values for the fake API server. */
export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function clone<T>(value: T): T {
  return structuredClone(value);
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return clone(patch);
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

export interface PatchOperation {
  op: string;
  path: string;
  value?: unknown;
}

/** RFC 6902: add, replace, remove and test. Throws what the API server would say. */
export function jsonPatch(target: unknown, operations: readonly PatchOperation[]): unknown {
  const root = { document: clone(target) };
  for (const operation of operations) {
    const steps = ['document', ...operation.path.split('/').slice(1).map(unescapeStep)];
    const last = steps.pop() as string;
    const parent = steps.reduce<unknown>((value, step) => child(value, step), root);
    if (typeof parent !== 'object' || parent === null)
      throw new Error(`${operation.op} operation does not apply: doc is missing path: ${operation.path}`);
    applyOperation(parent, last, operation);
  }
  return root.document;
}

function applyOperation(parent: object, last: string, { op, path, value }: PatchOperation): void {
  const holder = parent as Json;
  if (op === 'test') {
    if (JSON.stringify(child(parent, last)) !== JSON.stringify(value))
      throw new Error(`testing value ${path} failed: test failed`);
    return;
  }
  if (op !== 'add' && child(parent, last) === undefined) {
    throw new Error(`${op} operation does not apply: doc is missing key: ${path}`);
  }
  if (op === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else delete holder[last];
  } else if (Array.isArray(parent) && op === 'add') {
    parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  } else {
    holder[last] = clone(value);
  }
}

function child(value: unknown, step: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Json)[step] : undefined;
}

function unescapeStep(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}
