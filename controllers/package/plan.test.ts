import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { Package } from '../../crds/package.ts';
import { aBuild, aPackage, endedAs, NOW } from '../testing/objects.ts';
import { PACKAGE_LABEL } from './label.ts';
import { planPackage, sourceHash } from './plan.ts';

function condition(status: Package['status']) {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

/** The Package as it is after its Build was made, and that Build in some state. */
function built(status: Build['status'] = { id: 7 }): { pkg: Package; build: Build } {
  const first = planPackage(aPackage(), [], NOW);
  if (first.create === undefined) throw new Error('no Build was made');
  return { pkg: aPackage({}, first.status), build: { ...first.create, status } };
}

describe('planPackage', () => {
  it('makes a Build of a source that is new to it', () => {
    const { create, status } = planPackage(aPackage(), [], NOW);
    expect(create).toMatchObject({
      metadata: { name: expect.stringMatching(/^greet-3-[0-9a-f]{10}$/), labels: { [PACKAGE_LABEL]: 'greet' } },
      spec: { project: 'hello', source: { git: { url: 'https://git.example/greet.git' } }, background: false },
    });
    expect(status).toMatchObject({
      lastBuild: create?.metadata.name,
      state: 'pending',
      sourceHash: sourceHash(aPackage()),
    });
    expect(condition(status)).toMatchObject({ status: 'Unknown', reason: 'Building' });
  });

  it('makes the same Build again when a crash came before the digest was remembered', () => {
    const name = (): string | undefined => planPackage(aPackage(), [], NOW).create?.metadata.name;
    expect(name()).toBe(name());
  });

  it('makes no second one of the same source', () => {
    const { pkg, build } = built();
    const plan = planPackage(pkg, [build], NOW);
    expect(plan.create).toBeUndefined();
    expect(plan.status).toEqual({ ...pkg.status, conditions: expect.anything() });
  });

  it('does not make a Build again that retention has deleted', () => {
    const { pkg } = built();
    expect(planPackage(pkg, [], NOW)).toMatchObject({
      create: undefined,
      status: { lastBuild: pkg.status?.lastBuild },
    });
  });

  it.each<{ title: string; spec: Partial<Package['spec']>; due: boolean }>([
    {
      title: 'the source',
      spec: { source: { git: { url: 'https://git.example/greet.git', committish: 'v2' } } },
      due: true,
    },
    { title: 'the chroots', spec: { chroots: ['pebble-13-x86_64'] }, due: true },
    { title: 'the project', spec: { project: 'other' }, due: true },
    { title: 'the source, with autoBuild off', spec: { autoBuild: false, project: 'other' }, due: false },
    { title: 'nothing', spec: {}, due: false },
  ])('when $title changed, makes a Build: $due', ({ spec, due }) => {
    const { pkg, build } = built();
    const changed = aPackage(spec, pkg.status);
    expect(planPackage(changed, [build], NOW).create !== undefined).toBe(due);
  });

  it('takes the chroots for a set', () => {
    const [one, two] = [
      ['a', 'b'],
      ['b', 'a'],
    ].map((chroots) => sourceHash(aPackage({ chroots })));
    expect(one).toBe(two);
  });

  it('builds anew what changed back, since the generation is in the name', () => {
    const first = planPackage(aPackage(), [], NOW).create?.metadata.name;
    const later = aPackage();
    const again = planPackage({ ...later, metadata: { ...later.metadata, generation: 5 } }, [], NOW).create?.metadata
      .name;
    expect(again).not.toBe(first);
  });

  it.each([
    { outcome: 'succeeded', status: 'True' },
    { outcome: 'failed', status: 'False' },
    { outcome: 'canceled', status: 'False' },
  ] as const)('shows that its Build has $outcome', ({ outcome, status }) => {
    const { pkg, build } = built({ id: 7, version: '1-1', ...endedAs(outcome, 'Because') });
    const plan = planPackage(pkg, [build], NOW);
    expect(condition(plan.status)).toMatchObject({ status, reason: 'Because' });
    expect(plan.status.state).toBe(outcome);
    expect(plan.status.lastSucceededBuild).toBe(outcome === 'succeeded' ? build.metadata.name : undefined);
    expect(plan.status.version).toBe(outcome === 'succeeded' ? '1-1' : undefined);
  });

  it('remembers the last success while and after a later Build fails', () => {
    const success = built({ id: 7, version: '1-1', ...endedAs('succeeded') });
    const known = planPackage(success.pkg, [success.build], NOW).status;
    const changed = aPackage({ project: 'other' }, known);
    const second = planPackage(changed, [success.build], NOW);
    const failed: Build = { ...(second.create ?? aBuild()), status: { id: 8, ...endedAs('failed') } };
    const last = planPackage(aPackage({ project: 'other' }, second.status), [success.build, failed], NOW).status;
    expect(last).toMatchObject({ version: '1-1', lastSucceededBuild: success.build.metadata.name, state: 'failed' });
  });

  it('counts Builds that only name it', () => {
    const named = (id: number, status: Partial<NonNullable<Build['status']>>): Build => {
      const build = aBuild({ package: 'greet' }, { id, ...status });
      return { ...build, metadata: { ...build.metadata, name: `by-hand-${id}` } };
    };
    const good = named(8, { version: '2-1', ...endedAs('succeeded') });
    const bad = named(9, endedAs('failed'));
    const manual = aPackage({ autoBuild: false });
    const { status } = planPackage(manual, [good, bad], NOW);
    expect(status).toMatchObject({
      lastBuild: 'by-hand-9',
      lastSucceededBuild: 'by-hand-8',
      state: 'failed',
      version: '2-1',
    });
    const later = planPackage(aPackage({ autoBuild: false }, status), [bad], NOW).status;
    expect(later).toMatchObject({ lastSucceededBuild: 'by-hand-8', version: '2-1' });
    expect(planPackage(manual, [good, { ...bad, status: {} }], NOW).status.lastBuild).toBe('by-hand-9');
  });

  it('goes on showing what retention has deleted until there is a newer Build', () => {
    const { pkg, build } = built({ id: 7, version: '1-1', ...endedAs('succeeded') });
    const known = planPackage(pkg, [build], NOW).status;
    const gone = planPackage(aPackage({}, known), [], NOW).status;
    expect(gone).toMatchObject({ lastBuild: build.metadata.name, lastSucceededBuild: build.metadata.name });
  });

  it('without a source is never built by itself', () => {
    const { source: _source, ...spec } = aPackage().spec;
    const { create, status } = planPackage({ ...aPackage(), spec }, [], NOW);
    expect(create).toBeUndefined();
    expect(condition(status)).toMatchObject({ reason: 'NotBuilt', message: expect.stringContaining('no source') });
  });

  it('is built again when another file was uploaded', () => {
    const upload = (sha256: string) => ({ upload: { id: '0'.repeat(32), name: 'a.src.rpm', size: 1, sha256 } });
    const [one, two] = ['a', 'b'].map((digit) => sourceHash(aPackage({ source: upload(digit.repeat(64)) })));
    expect(one).not.toBe(two);
  });

  it('is built in its chroots without those that are denied', () => {
    const chroots = ['pebble-13-x86_64', 'pebble-12-i386'];
    const made = (chrootDenylist: string[]) =>
      planPackage(aPackage({ chroots, chrootDenylist }), [], NOW).create?.spec.chroots;
    expect(made(['*-i386'])).toEqual(['pebble-13-x86_64']);
    expect(made(['*'])).toEqual(chroots);
  });

  it('is not built while nobody asks for it', () => {
    const { create, status } = planPackage(aPackage({ autoBuild: false }), [], NOW);
    expect(create).toBeUndefined();
    expect(condition(status)).toMatchObject({ status: 'Unknown', reason: 'NotBuilt' });
  });

  it.each(['greet', `${'x'.repeat(79)}.${'y'.repeat(100)}`, `${'x'.repeat(51)}.${'y'.repeat(30)}`])(
    'makes names and labels that the API server takes of %s',
    (name) => {
      const pkg = aPackage();
      const { create } = planPackage({ ...pkg, metadata: { ...pkg.metadata, name } }, [], NOW);
      expect(create?.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      expect(create?.metadata.name.length).toBeLessThanOrEqual(120);
      expect(create?.metadata.labels?.[PACKAGE_LABEL]).toMatch(/^[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?$/);
    },
  );
});
