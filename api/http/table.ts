import type { AnyRoute, Method } from './route.ts';

/** One method of one path. */
export interface Entry {
  route: AnyRoute;
  /** Undefined for the current method, else the one to use instead of it. */
  deprecatedFor: Method | undefined;
}

interface Leaf {
  methods: Map<Method, Entry>;
  /** Names of the variables, in the order of the path; two routes of one path may call them differently. */
  names: Map<AnyRoute, string[]>;
}

interface Node {
  fixed: Map<string, Node>;
  variable: Node | undefined;
  leaf: Leaf | undefined;
}

export type Match =
  | { kind: 'route'; entry: Entry; params: Record<string, string> }
  | { kind: 'method'; allowed: Method[] }
  | { kind: 'malformed' }
  | { kind: 'nothing' };

/**
 * Finds routes in time that does not grow with their number. Fixed segments win over variables, and one slash at the end
 * makes no difference. Throws at the start of the process when two routes claim the same method of the same path.
 */
export class RouteTable {
  private readonly root: Node = emptyNode();

  constructor(routes: readonly AnyRoute[]) {
    for (const route of routes) {
      for (const path of [route.path, ...(route.oldPaths ?? [])]) this.add(route, `${route.base ?? '/api_3'}${path}`);
    }
  }

  /** @param method in capitals; HEAD is answered as GET @param path as in the request line, without the query */
  find(method: string, path: string): Match {
    if (!path.startsWith('/')) return { kind: 'nothing' };
    const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
    const segments: string[] = [];
    for (const raw of trimmed.split('/').slice(1)) {
      const segment = decode(raw);
      if (segment === undefined) return { kind: 'malformed' };
      segments.push(segment);
    }
    const values: string[] = [];
    const leaf = descend(this.root, segments, 0, values);
    if (leaf === undefined) return { kind: 'nothing' };
    const entry = leaf.methods.get((method === 'HEAD' ? 'GET' : method) as Method);
    if (entry === undefined) return { kind: 'method', allowed: [...leaf.methods.keys()] };
    const params: Record<string, string> = {};
    const names = leaf.names.get(entry.route) ?? [];
    for (const [index, name] of names.entries()) params[name] = values[index] ?? '';
    return { kind: 'route', entry, params };
  }

  private add(route: AnyRoute, path: string): void {
    const names: string[] = [];
    let node = this.root;
    // The path "/" has no segments below its base.
    for (const segment of path.replace(/\/$/, '').split('/').slice(1)) {
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        node.variable ??= emptyNode();
        node = node.variable;
        continue;
      }
      const next = node.fixed.get(segment) ?? emptyNode();
      node.fixed.set(segment, next);
      node = next;
    }
    node.leaf ??= { methods: new Map(), names: new Map() };
    node.leaf.names.set(route, names);
    const silent = route.alsoWithoutWarning ?? [];
    for (const method of [...route.methods, ...silent]) {
      const other = node.leaf.methods.get(method);
      if (other !== undefined) {
        throw new Error(`${method} ${path} is claimed by ${other.route.operation} and ${route.operation}`);
      }
      const current = method === route.methods[0] || silent.includes(method);
      node.leaf.methods.set(method, { route, deprecatedFor: current ? undefined : route.methods[0] });
    }
  }
}

function emptyNode(): Node {
  return { fixed: new Map(), variable: undefined, leaf: undefined };
}

function descend(node: Node, segments: readonly string[], index: number, values: string[]): Leaf | undefined {
  const segment = segments[index];
  if (segment === undefined) return node.leaf;
  const fixed = node.fixed.get(segment);
  if (fixed !== undefined) {
    const leaf = descend(fixed, segments, index + 1, values);
    if (leaf !== undefined) return leaf;
  }
  if (node.variable === undefined || segment === '') return undefined;
  values.push(segment);
  const leaf = descend(node.variable, segments, index + 1, values);
  if (leaf === undefined) values.pop();
  return leaf;
}

/** Undefined for what does not decode, and for what no name may hold: a slash, NUL, and the names of directories. */
function decode(raw: string): string | undefined {
  if (!raw.includes('%')) return raw === '.' || raw === '..' ? undefined : raw;
  try {
    const text = decodeURIComponent(raw);
    return text.includes('/') || text.includes('\0') || text === '.' || text === '..' ? undefined : text;
  } catch {
    return undefined;
  }
}
