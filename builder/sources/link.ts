import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import type { FetchContext } from './download.ts';
import { download } from './download.ts';
import type { FetchedSource } from './fetched.ts';
import { kindOf } from './fetched.ts';
import { fileNameOf, showURL, webURL } from './urls.ts';

/** Fetches the SRPM or spec file at a URL into `directory`. Rejects as `download` does. */
export async function fetchLink(url: string, directory: string, context: FetchContext): Promise<FetchedSource> {
  const parsed = webURL(url, 'the link');
  const name = fileNameOf(parsed);
  const kind = name === undefined ? undefined : kindOf(name);
  if (name === undefined || kind === undefined) {
    throw new TerminalError(
      'UnsupportedSource',
      `${showURL(parsed)} names neither an SRPM nor a spec file; the link must end in .src.rpm, .nosrc.rpm or .spec`,
    );
  }
  await download({ url, target: join(directory, name) }, context);
  // Sources that the spec names by URL are fetched later, by the container that evaluates it.
  return { kind, file: name };
}
