/** Writes docs/reference/rest/mapping.md from the tables: `node api/mapping/generate.ts`; with --check it only compares. */
import { join } from 'node:path';
import { runGenerator } from '../../crds/drift.ts';
import { mappingPage } from './document.ts';

const ROOT = join(import.meta.dirname, '../..');
const files = new Map([['docs/reference/rest/mapping.md', mappingPage()]]);

// The folder has files of other generators, too.
process.exitCode = runGenerator(process.argv.slice(2), ROOT, files, [], (line) => {
  process.stdout.write(`${line}\n`);
});
