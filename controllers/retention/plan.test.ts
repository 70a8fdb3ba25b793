import { describe, expect, it } from 'vitest';
import type { Build } from '../../crds/build.ts';
import type { ObjectMeta } from '../../operator/resource.ts';
import { aBuild, ago, aProject, endedAs, NOW } from '../testing/objects.ts';
import { isGitOpsOwned, planRetention } from './plan.ts';

/** A Build that ended so many seconds ago. */
function ended(name: string, secondsAgo: number, more: { ttl?: number; metadata?: Partial<ObjectMeta> } = {}): Build {
  const outcome = endedAs('succeeded');
  const conditions = outcome.conditions?.map((each) => ({ ...each, lastTransitionTime: ago(secondsAgo) })) ?? [];
  const build = aBuild(more.ttl === undefined ? {} : { ttlSecondsAfterFinished: more.ttl }, {
    id: 1000 - secondsAgo,
    ...outcome,
    conditions,
  });
  return { ...build, metadata: { ...build.metadata, name, ...more.metadata } };
}

function keeping(keepLast: number, ttlSecondsAfterFinished = 60) {
  return aProject({ retention: { keepLast, ttlSecondsAfterFinished } });
}

const never = (): boolean => false;
const names = (builds: readonly Build[]): string[] => builds.map(({ metadata }) => metadata.name);

describe('planRetention', () => {
  it('deletes what is older than its time', () => {
    const plan = planRetention(keeping(0), [ended('old', 61), ended('due', 60), ended('fresh', 59)], never, NOW);
    expect(names(plan.expired).sort()).toEqual(['due', 'old']);
    expect(plan.next).toBe(NOW + 1000);
  });

  it('keeps the newest, whatever their age', () => {
    const builds = [ended('a', 300), ended('b', 200), ended('c', 100)];
    expect(names(planRetention(keeping(2), builds, never, NOW).expired)).toEqual(['a']);
  });

  it('never touches a Build that has not ended, or that is being deleted', () => {
    const going = ended('going', 300, { metadata: { deletionTimestamp: ago(1) } });
    expect(planRetention(keeping(0), [aBuild(), going], never, NOW)).toEqual({
      expired: [],
      strip: [],
      next: undefined,
    });
  });

  it('takes the time that a Build names for itself before keepLast', () => {
    const plan = planRetention(
      keeping(5),
      [ended('own', 11, { ttl: 10 }), ended('long', 100, { ttl: 200 })],
      never,
      NOW,
    );
    expect(names(plan.expired)).toEqual(['own']);
    expect(plan.next).toBe(NOW + 100_000);
  });

  it('has defaults for Builds whose Project is gone', () => {
    const builds = Array.from({ length: 21 }, (_, index) => ended(`b${index}`, 86_400 + index));
    expect(names(planRetention(undefined, builds, never, NOW).expired)).toEqual(['b20']);
  });

  it('only strips Builds that a GitOps tool would apply again', () => {
    const metadata = { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } };
    const plan = planRetention(keeping(0), [ended('tracked', 100, { metadata }), ended('mine', 100)], never, NOW);
    expect([names(plan.strip), names(plan.expired)]).toEqual([['tracked'], ['mine']]);
  });

  it('neither deletes nor strips a Build that somebody still needs, and looks again', () => {
    const needed = (build: Build): boolean => build.metadata.name === 'first';
    const plan = planRetention(keeping(0), [ended('first', 100), ended('other', 100)], needed, NOW);
    expect(names(plan.expired)).toEqual(['other']);
    expect(plan.next).toBeGreaterThan(NOW);
  });
});

describe('isGitOpsOwned', () => {
  it.each<[string, Partial<ObjectMeta>, boolean]>([
    ['Argo CD by annotation', { annotations: { 'argocd.argoproj.io/tracking-id': 'x' } }, true],
    ['Argo CD by label', { labels: { 'app.kubernetes.io/instance': 'x' } }, true],
    ['Flux', { labels: { 'helm.toolkit.fluxcd.io/name': 'x' } }, true],
    ['Helm', { annotations: { 'meta.helm.sh/release-name': 'x' } }, true],
    ['kubectl', { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }, false],
    ['a Package', { labels: { 'kopr.dev/package': 'greet' } }, false],
  ])('a Build of %s: %s', (_tool, metadata, owned) => {
    expect(isGitOpsOwned(ended('b', 1, { metadata }))).toBe(owned);
  });
});
