/** What images are called in archives. */
const HERE = 'localhost';
const LOADED = /^(\S+:\S+) (\S+@sha256:[0-9a-f]{64})$/;

/** The reference by which a cluster gets the image that an archive holds under a name; throws if it cannot. */
export type References = (name: string) => string;

/** What `cluster.sh load` prints of images that it has pushed: lines of a name and a reference. */
export function parseLoaded(output: string): ReadonlyMap<string, string> {
  const loaded = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [, name, reference] = LOADED.exec(line) ?? [];
    if (name !== undefined && reference !== undefined) loaded.set(name, reference);
  }
  return loaded;
}

/**
 * Images that were loaded keep their names. Those of a registry are named by their content: a tag that gets new content
 * would mean the old one on nodes that have pulled it before.
 */
export function references(registry: string, loaded: ReadonlyMap<string, string>): References {
  return (name) => {
    const reference = registry === HERE ? name : loaded.get(name);
    if (reference === undefined) throw new Error(`the image ${name} is in no archive that was pushed to ${registry}`);
    return reference;
  };
}

/** The same objects with the references of all images of archives that they name. */
export function withReferences(value: unknown, reference: References): unknown {
  if (typeof value === 'string') return value.startsWith(`${HERE}/`) ? reference(value) : value;
  if (Array.isArray(value)) return value.map((one) => withReferences(one, reference));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withReferences(one, reference)]));
}
