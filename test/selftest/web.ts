import { request } from 'undici';

const DEADLINE_MS = 15_000;
const MAX_BYTES = 1024 * 1024;

/** The text of a small file. Rejects unless the server answers 200 with at most 1 MiB. */
export async function webFetch(url: string): Promise<string> {
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
  return Buffer.concat(chunks).toString('utf8');
}
