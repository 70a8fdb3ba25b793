import { request } from 'undici';

const DEADLINE_MS = 15_000;
const MAX_BYTES = 1024 * 1024;

/** A small file. Rejects unless the server answers 200 with at most 1 MiB. */
export async function webFetch(url: string): Promise<Buffer> {
  const response = await request(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  if (response.statusCode !== 200) {
    await response.body.dump();
    throw new Error(`${url} answers ${response.statusCode}`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`${url} is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Rejects unless the server has such a file of at least one byte. Its content is not fetched. */
export async function webExists(url: string): Promise<void> {
  const response = await request(url, { method: 'HEAD', signal: AbortSignal.timeout(DEADLINE_MS) });
  await response.body.dump();
  const { statusCode, headers } = response;
  if (statusCode !== 200) throw new Error(`${url} answers ${statusCode}`);
  if (!(Number(headers['content-length']) > 0)) throw new Error(`${url} is empty`);
}
