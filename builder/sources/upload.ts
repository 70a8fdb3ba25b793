import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '../../lib/errors.ts';
import type { UploadSource } from '../../lib/protocol/task.ts';
import type { FetchContext } from './download.ts';
import { download } from './download.ts';
import type { FetchedSource } from './fetched.ts';
import { kindOf } from './fetched.ts';

/**
 * Fetches an uploaded file from the web server of the publisher, with which `context` should have the patience for a service of ours.
 * Rejects as `download` does, and with TerminalError `SourceDigestMismatch` for anything but the very file that was uploaded.
 */
export async function fetchUpload(
  upload: UploadSource,
  directory: string,
  context: FetchContext,
): Promise<FetchedSource> {
  const { url, name, size, sha256 } = upload;
  const kind = kindOf(name);
  if (kind === undefined) {
    throw new TerminalError('UnsupportedSource', `the uploaded file ${name} is neither an SRPM nor a spec file`);
  }
  const target = join(directory, name);
  try {
    await download({ url, target, digest: { hashtype: 'sha256', hash: sha256 } }, context);
  } catch (error) {
    // Uploads are kept for a time only, and what is gone comes back by nobody but the user.
    if (!(error instanceof TerminalError) || error.code !== 'SourceFetchFailed') throw error;
    throw new TerminalError(
      error.code,
      `the uploaded file ${name} is no longer there, upload it again: ${error.message}`,
    );
  }
  const got = (await stat(target)).size;
  if (got !== size) {
    throw new TerminalError('SourceDigestMismatch', `the uploaded file ${name} has ${got} bytes instead of ${size}`);
  }
  return { kind, file: name };
}
