import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownKeys } from './known-hosts.ts';

const ED = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATFAcJ86MI67hYWTDRL5uOHhEGOlzQH19QCp0BmE9SL';
const RSA = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kopr-known-hosts-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('a known_hosts file', () => {
  it.each([
    ['a name', `build1.example.org ${ED}`, 22],
    ['one of several names', `other,build1.example.org,10.0.0.1 ${ED}`, 22],
    ['another spelling of the name', `Build1.Example.ORG ${ED}`, 22],
    ['a pattern', `*.example.org ${ED}`, 22],
    ['a pattern of one character', `build?.example.org ${ED}`, 22],
    ['a name with its port', `[build1.example.org]:2222 ${ED}`, 2222],
    ['a comment behind the key', `build1.example.org ${ED} made by hand`, 22],
    ['tabs and lines of Windows', `build1.example.org\t${ED.replace(' ', '\t')}\r`, 22],
  ])('knows a host by %s', (_what, line, port) => {
    expect(knownKeys(`# comment\n\n${line}\n`, 'build1.example.org', port)).toEqual({
      keys: [ED],
      revoked: [],
      problems: [],
    });
  });

  it.each([
    ['another name', `build2.example.org ${ED}`, 22],
    ['a part of the name', `build1 ${ED}`, 22],
    ['a name that a negated pattern rules out', `*.example.org,!build1.* ${ED}`, 22],
    ['the name with another port', `[build1.example.org]:2223 ${ED}`, 2222],
    ['the name without the port', `build1.example.org ${ED}`, 2222],
    ['a broken hash', `|1|abc ${ED}`, 22],
    ['a comment', `# build1.example.org ${ED}`, 22],
  ])('does not know a host by %s', (_what, line, port) => {
    expect(knownKeys(line, 'build1.example.org', port).keys).toEqual([]);
  });

  it('has all keys of a host', () => {
    expect(knownKeys(`h ${ED}\nh ${RSA}\n`, 'h', 22).keys).toEqual([ED, RSA]);
  });

  it('understands names that ssh-keygen has hashed, with and without a port', () => {
    const file = join(directory, 'known_hosts');
    writeFileSync(file, `build1.example.org ${ED}\n[build1.example.org]:2222 ${RSA}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain('build1');
    expect(knownKeys(text, 'build1.example.org', 22).keys).toEqual([ED]);
    expect(knownKeys(text, 'build1.example.org', 2222).keys).toEqual([RSA]);
    expect(knownKeys(text, 'build2.example.org', 22).keys).toEqual([]);
  });

  it('tells revoked keys apart', () => {
    expect(knownKeys(`@revoked * ${ED}\nh ${RSA}\n`, 'h', 22)).toEqual({ keys: [RSA], revoked: [ED], problems: [] });
  });

  it.each([
    [`@cert-authority *.example.org ${ED}`, /certificates of hosts are not supported; name the host's own key/],
    [`@trusted * ${ED}`, /is marked @trusted, which is not known/],
    ['build1.example.org ssh-dss AAAA', /holds no usable key for build1\.example\.org/],
    ['build1.example.org', /holds no usable key/],
  ])('says of "%s" what is wrong', (line, problem) => {
    const found = knownKeys(line, 'build1.example.org', 22);
    expect(found.keys).toEqual([]);
    expect(found.problems).toEqual([expect.stringMatching(problem)]);
  });

  it('takes no time over a pattern of many stars', () => {
    const begun = performance.now();
    expect(knownKeys(`${'*a'.repeat(400)}b ${ED}`, 'a'.repeat(250), 22).keys).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
