import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeDocument } from './helm.ts';
import { CHART, ROOT } from './helm.ts';

/** A block of YAML in a page for people. */
export interface Block {
  /** Page and line, for messages. */
  where: string;
  text: string;
}

/** Pages that show YAML: those of docs/, and the two that one reads first. */
export function pages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const own = docs.filter((path) => path.endsWith('.md')).map((path) => join('docs', path));
  return ['README.md', join(CHART.slice(ROOT.length + 1), 'README.md'), ...own.sort()];
}

/** Every block fenced as yaml. */
export function yamlBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  let block: Block | undefined;
  for (const [i, line] of readFileSync(join(ROOT, page), 'utf8').split('\n').entries()) {
    if (block !== undefined && line.startsWith('```')) {
      blocks.push(block);
      block = undefined;
    } else if (block !== undefined) block.text += `${line}\n`;
    else if (line === '```yaml') block = { where: `${page}:${i + 1}`, text: '' };
  }
  return blocks;
}

/** The documents of a block, whatever they are. */
export function documentsOf({ where, text }: Block): Record<string, unknown>[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${where} is not YAML: ${error.message}`);
    return document.toJS() as Record<string, unknown>;
  });
}

export function isManifest(document: object): document is KubeDocument {
  return 'apiVersion' in document && 'kind' in document && 'metadata' in document;
}
