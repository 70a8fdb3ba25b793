import { stringify } from 'yaml';
import { z } from 'zod';

interface Node {
  $schema?: string;
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, Node>;
  [keyword: string]: unknown;
}

/** JSON schema of the values, in the draft that every Helm 3 and 4 understands. */
export function valuesSchema(values: z.ZodType): Node {
  const node = clean(z.toJSONSchema(values, { io: 'input', target: 'draft-7' })) as Node;
  return { ...node, title: 'Values of the chart kopr' };
}

/**
 * Keywords that only a CRD knows, and the bounds that zod gives every integer, mean nothing here. Objects are closed,
 * those of kopr's own kinds too: a misspelt field would be dropped without a word by the API server.
 */
function clean(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(clean);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(
    ([key, value]) =>
      !key.startsWith('x-kubernetes-') && value !== Number.MAX_SAFE_INTEGER && value !== Number.MIN_SAFE_INTEGER,
  );
  const cleaned = Object.fromEntries(entries.map(([key, value]) => [key, key === 'default' ? value : clean(value)]));
  const open =
    cleaned.type === 'object' && cleaned.properties !== undefined && cleaned.additionalProperties === undefined;
  return open ? { ...cleaned, additionalProperties: false } : cleaned;
}

/** A section is a group of values with names of its own; anything else is one value. */
function isSection(node: Node): node is Node & { properties: Record<string, Node> } {
  return node.properties !== undefined && node.default === undefined;
}

/** values.yaml: every value with its default, and its description above it. */
export function valuesYAML(schema: Node, notice: string): string {
  return `# ${notice}\n${lines(schema, 0).join('\n')}\n`;
}

function lines(schema: Node, depth: number): string[] {
  const indent = '  '.repeat(depth);
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]) => [
    ...(depth === 0 ? [''] : []),
    ...wrap(describe(node), 116 - indent.length).map((line, i) => `${indent}#${i === 0 ? ' --' : ''} ${line}`),
    ...(isSection(node)
      ? [`${indent}${name}:`, ...lines(node, depth + 1)]
      : stringify({ [name]: node.default }, { lineWidth: 0 })
          .trimEnd()
          .split('\n')
          .map((line) => indent + line)),
  ]);
}

function describe(node: Node): string {
  const options = node.enum?.filter((value) => value !== '').map(String);
  return `${node.description ?? ''}${options ? ` One of ${options.join(', ')}.` : ''}`;
}

function wrap(text: string, width: number): string[] {
  const out: string[] = [];
  for (const word of text.split(' ')) {
    const last = out.at(-1);
    if (last !== undefined && last.length + word.length < width) out[out.length - 1] = `${last} ${word}`;
    else out.push(word);
  }
  return out;
}

/** Every value: its path, its node, depth first. */
export function* valuesOf(schema: Node, path = ''): Generator<{ path: string; node: Node; section: boolean }> {
  for (const [name, node] of Object.entries(schema.properties ?? {})) {
    const childPath = path === '' ? name : `${path}.${name}`;
    yield { path: childPath, node, section: isSection(node) };
    if (isSection(node)) yield* valuesOf(node, childPath);
  }
}

/** The table of values for the README; groups that every component has are listed once for all of them. */
export function valuesTable(schema: Node): string {
  const rows = [...valuesOf(schema)]
    .filter(({ section }) => !section)
    .map(({ path, node }) => `| \`${path}\` | ${cell(JSON.stringify(node.default))} | ${escapeCell(describe(node))} |`);
  return `| Value | Default | Meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function cell(json: string | undefined): string {
  if (json === undefined || json === '""' || json === '{}' || json === '[]') return '';
  return json.length > 60 ? 'see values.yaml' : `\`${escapeCell(json)}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
