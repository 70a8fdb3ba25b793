import { describe, expect, it } from 'vitest';
import type { BuildRow, MonitorRow } from '../db/types.ts';
import { buildJSON, MONITOR_FIELDS, monitorPackages, nevraJSON, publicURL } from './json.ts';
import { coprSource } from './source.ts';

const RESULTS = 'https://public.test/results';

function aRow(pkg: string, chroot: string, build: number, more: Partial<MonitorRow> = {}): MonitorRow {
  const resultsURL = `http://inside.test/results/o/p/${chroot}/${build}/`;
  return { package: pkg, chroot, build, state: 'succeeded', version: `1-${build}`, resultsURL, ...more };
}

describe('the monitor', () => {
  const input = {
    chroots: ['c1', 'c2'],
    fields: new Set<(typeof MONITOR_FIELDS)[number]>(),
    frontendURL: 'https://copr.test',
    resultsURL: RESULTS,
  };

  it('shows by name, in each active chroot, the build with the highest number, wherever it is', () => {
    const recorded = [aRow('b', 'c1', 5), aRow('b', 'c2', 9), aRow('a', 'c1', 3), aRow('a', 'gone', 8)];
    const live = [aRow('b', 'c1', 7, { state: 'running' }), aRow('b', 'c2', 6), aRow('c', 'c2', 1, { version: null })];
    const packages = monitorPackages({ ...input, recorded, live });
    expect(packages.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(packages).toEqual([
      { name: 'a', chroots: { c1: { state: 'succeeded', status: 1, build_id: 3, pkg_version: '1-3' } } },
      {
        name: 'b',
        chroots: {
          c1: { state: 'running', status: 3, build_id: 7, pkg_version: '1-7' },
          c2: { state: 'succeeded', status: 1, build_id: 9, pkg_version: '1-9' },
        },
      },
      { name: 'c', chroots: { c2: { state: 'succeeded', status: 1, build_id: 1, pkg_version: null } } },
    ]);
  });

  it('shows the live one of two with one number', () => {
    const [shown] = monitorPackages({
      ...input,
      recorded: [aRow('a', 'c1', 4)],
      live: [aRow('a', 'c1', 4, { state: 'failed' })],
    });
    expect(shown?.chroots.c1).toMatchObject({ state: 'failed', status: 0 });
  });

  it('has further fields for those who ask', () => {
    const fields = new Set(MONITOR_FIELDS);
    const recorded = [aRow('a', 'c1', 4), aRow('a', 'c2', 4, { resultsURL: null })];
    const [shown] = monitorPackages({ ...input, fields, recorded, live: [] });
    expect(shown?.chroots.c1).toMatchObject({
      url_build_log: `${RESULTS}/o/p/c1/4/builder-live.log`,
      url_backend_log: null,
      url_build: 'https://copr.test/coprs/build/4',
    });
    expect(shown?.chroots.c2).toMatchObject({ url_build_log: null });
  });
});

describe('addresses in answers', () => {
  it.each([
    ['http://inside.test/results/o/p/c/1/', `${RESULTS}/o/p/c/1/`],
    ['http://inside.test:8080/copr/results/o/p', `${RESULTS}/o/p`],
    ['http://elsewhere.test/x/y', 'http://elsewhere.test/x/y'],
  ])('%s is shown as %s', (url, shown) => {
    expect(publicURL(url, RESULTS)).toBe(shown);
  });

  it.each([
    ['http://inside.test/results/o/p/srpm-builds/00000001/a.src.rpm', `${RESULTS}/o/p/srpm-builds/00000001/a.src.rpm`],
    ['http://files.test/results/a.src.rpm', 'http://files.test/results/a.src.rpm'],
    ['http://files.test/results/x/y/a.src.rpm', 'http://files.test/results/x/y/a.src.rpm'],
    [null, null],
  ])('the SRPM %s is shown as %s: that of a user stays what it is', (srpmURL, shown) => {
    const row = { id: 1, chroots: [], srpmURL } as unknown as BuildRow;
    expect(buildJSON(row, { owner: 'o', name: 'p' }, RESULTS).source_package.url).toBe(shown);
  });
});

describe('an epoch', () => {
  it.each([
    [0, null],
    [2, 2],
  ])('%i is %s for clients', (epoch, shown) => {
    expect(nevraJSON({ name: 'a', epoch, version: '1', release: '1', arch: 'src' })).toMatchObject({ epoch: shown });
  });
});

describe('a source', () => {
  const git = { type: 'git', clone_url: 'https://git.test/a', committish: '', subdirectory: '', spec: '' };
  it.each([
    [undefined, { source_type: 'unset', source_dict: {} }],
    [null, { source_type: 'unset', source_dict: {} }],
    [{ link: { url: 'http://a' } }, { source_type: 'link', source_dict: { url: 'http://a' } }],
    [
      { git: { url: 'https://git.test/a' } },
      { source_type: 'scm', source_dict: { ...git, source_build_method: 'rpkg' } },
    ],
  ])('%j', (source, shown) => {
    expect(coprSource(source, RESULTS)).toEqual(shown);
  });

  it('of a build names the method otherwise', () => {
    const source = { git: { url: 'https://git.test/a' } };
    expect(coprSource(source, RESULTS, 'srpm_build_method').source_dict).toEqual({ ...git, srpm_build_method: 'rpkg' });
  });
});
