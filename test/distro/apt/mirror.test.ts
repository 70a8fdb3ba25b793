import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findMirror, parseDeb822, parseOneLine, readAptSources } from './mirror.ts';

const DEB822 = `Types: deb
# a note
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

test('the deb822 format gives every enabled binary source', () => {
  expect(parseDeb822(DEB822).map((source) => source.uri)).toEqual([
    'http://mirror.example/debian',
    'http://mirror.example/security',
  ]);
});

test('the one-line format is read with and without options', () => {
  const text =
    'deb [signed-by=/a.gpg] http://a.example/x bookworm main # note\n# deb http://b.example y main\ndeb-src http://c.example z main\ndeb http://d.example/ bookworm main contrib';
  expect(parseOneLine(text)).toEqual([
    { uri: 'http://a.example/x', suites: ['bookworm'], components: ['main'] },
    { uri: 'http://d.example/', suites: ['bookworm'], components: ['main', 'contrib'] },
  ]);
});

test("the mirror is the one of the machine's own release, not the one of its security fixes", () => {
  const sources = parseDeb822(DEB822).toReversed();
  expect(findMirror(sources, 'bookworm')).toBe('http://mirror.example/debian');
  expect(findMirror(sources, 'noble')).toBeUndefined();
});

test('all files of the directory are read, and none need exist', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kopr-apt-'));
  try {
    expect(await readAptSources(directory)).toEqual([]);
    mkdirSync(join(directory, 'sources.list.d'));
    writeFileSync(join(directory, 'sources.list'), 'deb http://one.example bookworm main\n');
    writeFileSync(join(directory, 'sources.list.d', 'debian.sources'), DEB822);
    writeFileSync(join(directory, 'sources.list.d', 'old.list.save'), 'deb http://old.example bookworm main\n');
    const uris = (await readAptSources(directory)).map((source) => source.uri);
    expect(uris).toEqual(['http://one.example', 'http://mirror.example/debian', 'http://mirror.example/security']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
