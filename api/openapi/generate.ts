/** Writes docs/reference/rest/openapi.json from the routes: `node api/openapi/generate.ts`; with --check it only compares. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { routes } from '../routes/index.ts';
import { openapiDocument } from './document.ts';
import { API_VERSION } from './routes.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILE = 'docs/reference/rest/openapi.json';

const text = await formatted(JSON.stringify(openapiDocument(routes, API_VERSION)));
if (process.argv.includes('--check')) {
  const current = await readFile(join(ROOT, FILE), 'utf8').catch(() => '');
  if (current !== text) {
    process.stderr.write(`${FILE} is not what the routes say; run: node api/openapi/generate.ts\n`);
    process.exitCode = 1;
  }
} else await writeFile(join(ROOT, FILE), text);

/** As the formatter of the repository wants it. */
function formatted(json: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ['format', `--stdin-file-path=${FILE}`];
    const options = { cwd: ROOT, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(join(ROOT, 'node_modules/.bin/biome'), args, options, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout);
    });
    child.stdin?.end(json);
  });
}
