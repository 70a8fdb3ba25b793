import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { crdOf } from './crd.ts';
import { drift, runGenerator } from './drift.ts';
import { EXAMPLES } from './examples.ts';
import { FOLDERS, generatedFiles, ROOT } from './generate.ts';
import { ALL_KINDS } from './index.ts';
import { chartTemplate, escapeTemplate, plainManifest } from './manifest.ts';
import { projectKind } from './project.ts';
import { referencePage } from './reference.ts';

describe('the committed files', () => {
  it('are what the schemas say', () => {
    expect(drift(ROOT, generatedFiles(ALL_KINDS), FOLDERS)).toEqual([]);
  });

  it('hold an example of every kind that its own schema accepts', () => {
    expect(EXAMPLES.map(({ kind }) => kind)).toEqual(ALL_KINDS.map(({ kind }) => kind));
    for (const [i, kind] of ALL_KINDS.entries()) kind.spec.parse(EXAMPLES[i]?.spec);
  });
});

describe('generatedFiles', () => {
  it('makes a manifest, a chart template and a reference page of a kind', () => {
    expect([...generatedFiles([projectKind]).keys()]).toEqual([
      'crds/generated/projects.kopr.dev.yaml',
      'charts/kopr/templates/crds/projects.kopr.dev.yaml',
      'docs/reference/project.md',
      'docs/reference/README.md',
    ]);
  });
});

describe('plainManifest', () => {
  it('is the definition itself in YAML', () => {
    const crd = crdOf(projectKind);
    expect(parse(plainManifest(crd))).toEqual(crd);
  });
});

describe('chartTemplate', () => {
  it('can be switched off, and keeps the definition on an uninstall if so wanted', () => {
    const text = chartTemplate(crdOf(projectKind));
    expect(text).toMatch(/\{\{- if \.Values\.crds\.enabled \}\}[\s\S]*\{\{- end \}\}\n$/);
    expect(text).toMatch(/\{\{- if \.Values\.crds\.keep \}\}\n {2}annotations:\n {4}helm\.sh\/resource-policy: keep/);
  });

  it('hides braces of a description from the template engine', () => {
    expect(escapeTemplate('a {{ b }} c')).toBe('a {{ "{{" }} b {{ "}}" }} c');
  });
});

describe('referencePage', () => {
  const page = referencePage(projectKind);

  it('lists each field with its type, default, meaning and limits', () => {
    expect(page).toContain('| `options.timeoutSeconds` | integer | `18000` |');
    expect(page).toContain('*at least 1; at most 180000*');
    expect(page).toMatch(/\| `chroots` \| list of string \| \*\*required\*\* \|/);
  });

  it('lists the rules that are about the whole object', () => {
    expect(page).toContain('- the name of a Project has at most 63 characters');
  });
});

describe('runGenerator', () => {
  let root = '';
  let lines: string[] = [];
  const files = new Map([
    ['made/a.txt', 'a\n'],
    ['made/b.txt', 'b\n'],
  ]);
  const run = (...args: string[]): number => runGenerator(args, root, files, ['made'], (line) => lines.push(line));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'kopr-generate-'));
    lines = [];
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('writes files that a check then accepts', () => {
    expect(run()).toBe(0);
    expect(lines).toEqual(['updated made/a.txt', 'updated made/b.txt']);
    expect(run('--check')).toBe(0);
    expect(readFileSync(join(root, 'made/a.txt'), 'utf8')).toBe('a\n');
  });

  it('writes nothing when nothing changed', () => {
    run();
    lines = [];
    expect(run()).toBe(0);
    expect(lines).toEqual([]);
  });

  it('names what is changed, missing or stray, and the remedy', () => {
    mkdirSync(join(root, 'made'));
    writeFileSync(join(root, 'made/a.txt'), 'edited\n');
    writeFileSync(join(root, 'made/old.txt'), '');
    expect(run('--check')).toBe(1);
    expect(lines).toEqual([
      'made/a.txt is not what the sources say',
      'made/b.txt is missing',
      'made/old.txt is no longer generated',
      'run "make generate" and commit the result',
    ]);
  });

  it('removes a file that is no longer generated', () => {
    run();
    writeFileSync(join(root, 'made/old.txt'), '');
    expect(run()).toBe(0);
    expect(run('--check')).toBe(0);
  });

  it('refuses an argument it does not know', () => {
    expect(run('--chekc')).toBe(2);
    expect(lines[0]).toContain('--check');
  });
});
