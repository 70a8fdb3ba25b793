import { describe, expect, it } from 'vitest';
import { keyOf } from '../../operator/resource.ts';
import { aBinaryStage, aChroot, aProject, aSourceStage } from '../testing/objects.ts';
import { stageOfClaim } from './stage.ts';

const CHROOT = 'pebble-13-x86_64';
const binary = aBinaryStage(CHROOT);
const source = aSourceStage();
const chroot = aChroot(CHROOT);
// It would be the chroot of the source stage if that had one.
const misnamed = aChroot(source.spec.chroot);
const project = aProject();

const CACHES = {
  chrootBuilds: new Map([binary, source].map((each) => [keyOf(each), each])),
  chroots: new Map([chroot, misnamed].map((each) => [keyOf(each), each])),
  projects: new Map([[keyOf(project), project]]),
};

function claimed({ metadata: { name, namespace = '', uid = '' } }: typeof binary, as = uid) {
  return { chrootBuild: { name, namespace, uid: as } };
}

describe('the stage that a builder is claimed for', () => {
  it('comes with its chroot and its project', () => {
    expect(stageOfClaim(CACHES, claimed(binary))).toEqual({ chrootBuild: binary, chroot, project });
  });

  it('has no chroot when it makes sources', () => {
    expect(stageOfClaim(CACHES, claimed(source))).toEqual({ chrootBuild: source, chroot: undefined, project });
  });

  it('is gone when another one bears its name, and its project is not asked for', () => {
    const gone = { chrootBuild: undefined, chroot: undefined, project: undefined };
    expect(stageOfClaim(CACHES, claimed(binary, 'uid-of-another'))).toEqual(gone);
    expect(stageOfClaim({ ...CACHES, chrootBuilds: new Map() }, claimed(binary))).toEqual(gone);
  });
});
