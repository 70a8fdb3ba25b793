/**
 * Order of resourceVersions. Since Kubernetes 1.35 they are promised to be decimal numbers that grow with every write
 * to one kind of resource; they exceed 2^53 in principle, so they are compared as text.
 */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
