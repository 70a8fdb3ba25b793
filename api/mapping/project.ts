export function projectPlaceName(path: string): string {
  return path.replace(/^spec\./, '').replace(/\[.*$/, '');
}
