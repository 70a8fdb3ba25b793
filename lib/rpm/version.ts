/**
 * Order of RPM versions, the same as rpm's own: digits and letters are compared segment by segment, anything else only separates.
 * `~` sorts before everything, even the end of the string (1.0~rc1 < 1.0); `^` after the end but before any further segment
 * (1.0 < 1.0^git1 < 1.0.1).
 */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  let restA = a;
  let restB = b;
  for (;;) {
    restA = restA.replace(/^[^A-Za-z0-9~^]+/, '');
    restB = restB.replace(/^[^A-Za-z0-9~^]+/, '');
    const marked = compareMarks(restA, restB);
    if (marked === 'skip') {
      restA = restA.slice(1);
      restB = restB.slice(1);
      continue;
    }
    if (marked !== undefined) return marked;
    if (restA === '' || restB === '') break;

    const numeric = /^[0-9]/.test(restA);
    const pattern = numeric ? /^[0-9]+/ : /^[A-Za-z]+/;
    const segmentA = pattern.exec(restA)?.[0] ?? '';
    const segmentB = pattern.exec(restB)?.[0] ?? '';
    // Segments of different kinds: the number is newer.
    if (segmentB === '') return numeric ? 1 : -1;
    const order = numeric ? compareNumbers(segmentA, segmentB) : compareBytes(segmentA, segmentB);
    if (order !== 0) return order;
    restA = restA.slice(segmentA.length);
    restB = restB.slice(segmentB.length);
  }
  if (restA === restB) return 0;
  return restA === '' ? -1 : 1;
}

/** Decides on a leading `~` or `^`; 'skip' when both sides have the same one; undefined when there is none to decide on. */
function compareMarks(a: string, b: string): -1 | 1 | 'skip' | undefined {
  if (a.startsWith('~') || b.startsWith('~')) {
    if (!a.startsWith('~')) return 1;
    if (!b.startsWith('~')) return -1;
    return 'skip';
  }
  if (!a.startsWith('^') && !b.startsWith('^')) return undefined;
  if (a === '') return -1;
  if (b === '') return 1;
  if (!a.startsWith('^')) return 1;
  if (!b.startsWith('^')) return -1;
  return 'skip';
}

/** Decimal numbers of any length, without going through a float. */
function compareNumbers(a: string, b: string): -1 | 0 | 1 {
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  if (left.length !== right.length) return left.length < right.length ? -1 : 1;
  return compareBytes(left, right);
}

function compareBytes(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export interface Evr {
  epoch: number;
  version: string;
  release: string;
}

/** Order of epoch, then version, then release. */
export function compareEvr(a: Evr, b: Evr): -1 | 0 | 1 {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  const version = compareVersions(a.version, b.version);
  return version !== 0 ? version : compareVersions(a.release, b.release);
}
