import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chrootImageName } from '../test/distro/build.ts';
import { FILES_IMAGE } from '../test/distro/files/image.ts';
import { RELEASES } from '../test/distro/releases.ts';
import { filesObjects } from './files.ts';
import { parseLoaded, references, withReferences } from './references.ts';
import { ROOT } from './run.ts';

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const PUSHED = new Map(
  [FILES_IMAGE, ...RELEASES.map(chrootImageName)].map((name, index) => [
    name,
    `registry.example.com/kopr/image@${digest(String(index))}`,
  ]),
);
const distribution = readFileSync(join(ROOT, 'test', 'distro', 'files.yaml'), 'utf8');

describe('the references of images', () => {
  it('are the names of the archives where images are loaded', () => {
    expect(references('localhost', new Map())('localhost/pebble:1')).toBe('localhost/pebble:1');
  });

  it('are what was pushed where there is a registry', () => {
    const output = `localhost/pebble:1 registry.example.com:5000/kopr/pebble@${digest('a')}\n`;
    expect(references('registry.example.com:5000/kopr', parseLoaded(output))('localhost/pebble:1')).toBe(
      `registry.example.com:5000/kopr/pebble@${digest('a')}`,
    );
  });

  it('are refused for an image that was not pushed', () => {
    expect(() => references('registry.example.com', new Map())('localhost/pebble:1')).toThrow(
      'the image localhost/pebble:1 is in no archive that was pushed to registry.example.com',
    );
  });

  it.each([
    { what: 'nothing', output: '' },
    { what: 'words', output: 'loaded localhost/pebble:1\n' },
    { what: 'a tag', output: 'localhost/pebble:1 registry.example.com/pebble:1\n' },
    { what: 'a short digest', output: 'localhost/pebble:1 registry.example.com/pebble@sha256:abc\n' },
  ])('are not read from $what', ({ output }) => {
    expect(parseLoaded(output).size).toBe(0);
  });
});

describe('objects that name images', () => {
  it('get their references and stay as they are in all else', () => {
    const objects = { a: ['localhost/x:1', 1, null, { image: 'localhost/x:1' }], b: 'http://localhost/x:1' };
    expect(withReferences(objects, () => 'registry.example.com/x@1')).toEqual({
      a: ['registry.example.com/x@1', 1, null, { image: 'registry.example.com/x@1' }],
      b: 'http://localhost/x:1',
    });
  });

  it('are, of the test distribution, its chroots', () => {
    const values: unknown = parse(readFileSync(join(ROOT, 'test', 'distro', 'values.yaml'), 'utf8'));
    const rendered = JSON.stringify(withReferences(values, references('registry.example.com/kopr', PUSHED)));
    expect(rendered).not.toContain('localhost');
    for (const release of RELEASES) expect(rendered).toContain(PUSHED.get(chrootImageName(release)));
  });

  it('are, of its web server, the deployment', () => {
    const list = filesObjects(distribution, references('registry.example.com/kopr', PUSHED));
    expect(list.items.map((item) => (item as { kind: string }).kind)).toEqual(['Namespace', 'Service', 'Deployment']);
    expect(JSON.stringify(list)).toContain(`"image":"${PUSHED.get(FILES_IMAGE)}"`);
    expect(JSON.stringify(list)).not.toContain('localhost');
  });

  it('are the same as in the files where images are loaded', () => {
    const list = filesObjects(distribution, references('localhost', new Map()));
    expect(JSON.stringify(list)).toContain(`"image":"${FILES_IMAGE}"`);
  });
});
