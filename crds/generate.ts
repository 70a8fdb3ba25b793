/**
 * Makes everything that follows from the schemas: `node crds/generate.ts` writes it, `--check` compares and fails when
 * something committed differs.
 */
import { join } from 'node:path';
import type { AnyKind } from './crd.ts';
import { crdOf } from './crd.ts';
import type { GeneratedFiles } from './drift.ts';
import { runGenerator } from './drift.ts';
import { ALL_KINDS } from './index.ts';
import { chartTemplate, plainManifest } from './manifest.ts';
import { fileOf, referenceIndex, referencePage } from './reference.ts';

export const ROOT = join(import.meta.dirname, '..');
const MANIFESTS = 'crds/generated';
const TEMPLATES = 'charts/kopr/templates/crds';
const REFERENCE = 'docs/reference';
/** These folders hold nothing but generated files. */
export const FOLDERS: readonly string[] = [MANIFESTS, TEMPLATES, REFERENCE];

export function generatedFiles(kinds: readonly AnyKind[]): GeneratedFiles {
  const files = new Map<string, string>();
  for (const kind of kinds) {
    const crd = crdOf(kind);
    files.set(`${MANIFESTS}/${crd.metadata.name}.yaml`, plainManifest(crd));
    files.set(`${TEMPLATES}/${crd.metadata.name}.yaml`, chartTemplate(crd));
    files.set(`${REFERENCE}/${fileOf(kind)}`, referencePage(kind));
  }
  files.set(`${REFERENCE}/README.md`, referenceIndex(kinds));
  return files;
}

if (import.meta.main) {
  process.exitCode = runGenerator(process.argv.slice(2), ROOT, generatedFiles(ALL_KINDS), FOLDERS, (line) => {
    process.stdout.write(`${line}\n`);
  });
}
