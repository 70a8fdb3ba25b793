import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryTask } from '../testing/tasks.ts';
import { mockConfig } from './mock-config.ts';

/** Reads the configuration as mock does: it is run as Python, with `config_opts` at hand. */
function evaluated(config: string): Record<string, unknown> {
  const program = `
import json, sys, collections
tree = lambda: collections.defaultdict(tree)
config_opts = tree()
exec(sys.stdin.read(), {'__builtins__': {}, 'config_opts': config_opts})
json.dump(config_opts, sys.stdout)
`;
  const output = execFileSync('python3', ['-c', program], {
    input: config,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
  });
  return JSON.parse(output.toString('utf8')) as Record<string, unknown>;
}

const REPO = {
  id: 'pebble',
  name: 'Pebble',
  baseurl: 'http://files.example/pebble/',
  gpgcheck: false,
  skipIfUnavailable: false,
};

describe("mock's configuration", () => {
  it('says all that the task says, and keeps the build off the network', () => {
    const task = binaryTask({
      repos: [REPO],
      macros: { dist: '.pb13', vendor: 'kopr "test" \\ \'x\'' },
      modules: ['nodejs:22', '!postgresql'],
    });
    const config = evaluated(mockConfig(task, 41_234));
    expect(config).toMatchObject({
      root: 'kopr',
      target_arch: 'x86_64',
      legal_host_arches: ['x86_64', 'x86_64'],
      chroot_setup_cmd: 'install rpm-build util-linux buildsys-build',
      isolation: 'simple',
      rpmbuild_networking: false,
      use_host_resolv: false,
      macros: { '%dist': '.pb13', '%vendor': 'kopr "test" \\ \'x\'' },
      module_setup_commands: [
        ['enable', 'nodejs:22'],
        ['disable', 'postgresql'],
      ],
    });
    expect(config['dnf.conf']).toMatch(/^\[main\]\nproxy=http:\/\/127\.0\.0\.1:41234\n[\s\S]*\[pebble\]\n/);
    expect(mockConfig(task, undefined)).not.toContain('proxy');
  });

  it('lets the network in, and 32 bits on a host of 64, where the task says so', () => {
    const config = evaluated(mockConfig(binaryTask({ network: true, architecture: 'i686' }), undefined));
    expect(config).toMatchObject({
      rpmbuild_networking: true,
      use_host_resolv: true,
      legal_host_arches: ['i686', 'x86_64'],
    });
  });

  it("takes any value of a macro for text, never for Python's or mock's own", () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
    const usable = text.filter((value) => !/\p{Cc}|\\$|\{[{%#]/u.test(value) && value.isWellFormed());
    // Many at once, since each evaluation starts an interpreter.
    fc.assert(
      fc.property(fc.array(usable, { minLength: 1, maxLength: 60 }), (values) => {
        const named = values.map((value, index): [string, string] => [`value${index}`, value]);
        const config = evaluated(mockConfig(binaryTask({ macros: Object.fromEntries(named) }), undefined));
        expect(config.macros).toEqual(Object.fromEntries(named.map(([name, value]) => [`%${name}`, value])));
      }),
      { numRuns: 5 },
    );
  });

  it.each(['{{ 7 * 7 }}', '{% import os %}', '%{?x:{# y #}}'])('refuses %s, which mock would expand', (value) => {
    expect(() => mockConfig(binaryTask({ macros: { vendor: value } }), undefined)).toThrow(/its own templates/);
  });

  it('refuses a macro that would be two', () => {
    expect(() => mockConfig(binaryTask({ macros: { vendor: 'a\n%evil b' } }), undefined)).toThrow(/must be one line/);
  });
});
