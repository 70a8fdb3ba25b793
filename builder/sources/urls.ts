import { TerminalError } from '../../lib/errors.ts';
import { fileNameProblem } from '../../lib/lookaside/file-name.ts';

const PROTOCOLS = ['http:', 'https:'];

/** Rejects with TerminalError `UnsupportedSource` for anything that is not a plain http or https URL. */
export function webURL(text: string, what: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TerminalError('UnsupportedSource', `${what} "${text}" is not a URL; use http:// or https://`);
  }
  if (!PROTOCOLS.includes(url.protocol)) {
    throw new TerminalError(
      'UnsupportedSource',
      `${what} uses "${url.protocol}//"; only http:// and https:// are fetched`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    // It would be printed in a public log and in other people's terminals.
    throw new TerminalError(
      'UnsupportedSource',
      `${what} carries a user name or password; use a URL without credentials`,
    );
  }
  return url;
}

/** Where a redirect leads. A redirect may not leave http(s), and not leave TLS once it was there. */
export function redirectTarget(from: URL, location: string): URL {
  let target: URL;
  try {
    target = new URL(location, from);
  } catch {
    throw new TerminalError('SourceFetchFailed', `${showURL(from)} redirects to something that is not a URL`);
  }
  const checked = webURL(target.href, `the redirect of ${showURL(from)}`);
  if (from.protocol === 'https:' && checked.protocol === 'http:') {
    throw new TerminalError('SourceFetchFailed', `${showURL(from)} redirects from https to http, which is refused`);
  }
  return checked;
}

/** For logs: the query is left out, because that is where people put their tokens. */
export function showURL(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`;
}

/** The last segment of the path, decoded, when it can be a file's name. */
export function fileNameOf(url: URL): string | undefined {
  let name: string;
  try {
    name = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
  } catch {
    return undefined;
  }
  return fileNameProblem(name) === undefined && !name.startsWith('.') ? name : undefined;
}
