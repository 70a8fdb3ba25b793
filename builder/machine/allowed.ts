import type { TaskRepo } from '../../lib/protocol/task.ts';

export interface AllowedPlace {
  protocol: 'http:' | 'https:';
  /** Host and port, the latter always named. */
  authority: string;
  path: string;
  /** Is everything below `path` meant, or this one file? */
  below: boolean;
}

/** Pure: what the far side may fetch: what is below the repositories of the task, and their keys. */
export function allowedPlaces(repos: readonly TaskRepo[]): AllowedPlace[] {
  return repos.flatMap((repo) => [
    ...urls(repo.baseurl).map((url) => place(url, true)),
    ...urls(repo.gpgkey ?? '').map((url) => place(url, false)),
  ]);
}

/** Pure: may this be fetched over plain HTTP through the proxy? */
export function isAllowedURL(url: URL, places: readonly AllowedPlace[]): boolean {
  if (url.protocol !== 'http:' || hasHiddenDots(url.pathname)) return false;
  return places.some(
    (place) =>
      place.protocol === 'http:' &&
      place.authority === authority(url) &&
      (place.below ? url.pathname.startsWith(place.path) : url.pathname === place.path),
  );
}

/** Pure: may a connection to this host and port be passed on? What goes through it is encrypted, so paths are not seen. */
export function isAllowedAuthority(hostAndPort: string, places: readonly AllowedPlace[]): boolean {
  return places.some((place) => place.protocol === 'https:' && place.authority === hostAndPort.toLowerCase());
}

/** dnf takes several in one value. */
function urls(text: string): URL[] {
  const found: URL[] = [];
  for (const word of text.split(/[\s,]+/)) {
    // dnf replaces variables: what comes before the first one is certain, as far as the last slash.
    const [certain = ''] = word.split('$');
    const cut = certain === word ? word : certain.slice(0, certain.lastIndexOf('/') + 1);
    const url = URL.canParse(cut) ? new URL(cut) : undefined;
    // A variable in the name of the host would let everything through.
    if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:')) found.push(url);
  }
  return found;
}

function place(url: URL, below: boolean): AllowedPlace {
  const path = below && !url.pathname.endsWith('/') ? `${url.pathname}/` : url.pathname;
  return { protocol: url.protocol === 'https:' ? 'https:' : 'http:', authority: authority(url), path, below };
}

function authority(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

/** A server may decode what the prefix was compared without: `..%2f` would lead out of it. */
function hasHiddenDots(path: string): boolean {
  try {
    return decodeURIComponent(path).split(/[/\\]/).includes('..');
  } catch {
    return true;
  }
}
