import type { Build } from '../../crds/build.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { numberOf } from '../../crds/names.ts';
import type { Package } from '../../crds/package.ts';
import { hasSucceeded, isComplete } from '../../crds/states.ts';
import { toTimestamp } from '../../lib/clock.ts';
import type { Condition } from '../../operator/conditions.ts';
import { setCondition } from '../../operator/conditions.ts';
import { isDenied } from '../build/chroots.ts';
import { labelValue, shortHash, truncated } from '../shared/names.ts';
import { PACKAGE_LABEL } from './label.ts';

type PackageStatus = NonNullable<Package['status']>;

export interface PackagePlan {
  create: Build | undefined;
  status: PackageStatus;
}

/** Pure: does the package need a Build, and how is it? `builds` are those made for it, and those that name it. */
export function planPackage(pkg: Package, builds: readonly Build[], now: number): PackagePlan {
  const hash = sourceHash(pkg);
  const due = pkg.spec.source !== undefined && pkg.spec.autoBuild && pkg.status?.sourceHash !== hash;
  const create = due ? buildFor(pkg, hash) : undefined;
  const newest = [...builds].sort(newestFirst);
  const lastBuild = create?.metadata.name ?? newest[0]?.metadata.name ?? pkg.status?.lastBuild;
  const last = newest.find((build) => build.metadata.name === lastBuild);
  const good = hasSucceeded(last) ? last : lastGood(pkg, newest);
  const lastSucceededBuild = good?.metadata.name ?? pkg.status?.lastSucceededBuild;
  const version = good?.status?.version ?? pkg.status?.version;
  const state = last?.status?.state ?? (create === undefined ? pkg.status?.state : 'pending');
  return {
    create,
    status: {
      observedGeneration: pkg.metadata.generation ?? 0,
      conditions: setCondition(
        pkg.status?.conditions as Condition[] | undefined,
        { type: 'Ready', ...readiness(pkg, last, lastBuild) },
        pkg.metadata.generation,
        toTimestamp(now),
      ),
      ...(due ? { sourceHash: hash } : keep('sourceHash', pkg.status?.sourceHash)),
      ...keep('lastBuild', lastBuild),
      ...keep('lastSucceededBuild', lastSucceededBuild),
      ...keep('state', state),
      ...keep('version', version),
    },
  };
}

/** One that has no number yet is the newest. */
function newestFirst(a: Build, b: Build): number {
  const [x, y] = [numberOf(a) ?? Number.MAX_SAFE_INTEGER, numberOf(b) ?? Number.MAX_SAFE_INTEGER];
  if (x !== y) return y - x;
  const [s, t] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`) as [
    string,
    string,
  ];
  return s < t ? 1 : -1;
}

/** Of the Builds that are there. One that is remembered and was deleted since may be newer than all of them. */
function lastGood(pkg: Package, newest: readonly Build[]): Build | undefined {
  const remembered = pkg.status?.lastSucceededBuild;
  const isThere = newest.some((build) => build.metadata.name === remembered);
  return remembered === undefined || isThere ? newest.find(hasSucceeded) : undefined;
}

/** What a Build depends on. Toggling autoBuild alone builds nothing. */
export function sourceHash(pkg: Package): string {
  const { project, source, chroots } = pkg.spec;
  const parts = [project, source?.link ?? null, source?.git ?? null, [...(chroots ?? [])].sort()];
  return shortHash(JSON.stringify(source?.upload === undefined ? parts : [...parts, source.upload.sha256]));
}

/** The generation is in the name: a source that changes back is a change, and is built again. */
function buildFor(pkg: Package, hash: string): Build {
  const { name, namespace, generation } = pkg.metadata;
  const allowed = pkg.spec.chroots?.filter((chroot) => !isDenied(chroot, pkg.spec.chrootDenylist ?? [])) ?? [];
  const chroots = allowed.length === 0 ? pkg.spec.chroots : allowed;
  return {
    apiVersion: API_VERSION,
    kind: 'Build',
    metadata: {
      name: `${truncated(name, 80)}-${generation ?? 0}-${hash}`,
      namespace: namespace ?? '',
      labels: { [PACKAGE_LABEL]: labelValue(name) },
    },
    spec: {
      project: pkg.spec.project,
      ...(pkg.spec.source ? { source: pkg.spec.source } : {}),
      ...(chroots ? { chroots: [...chroots] } : {}),
      background: false,
      cancelled: false,
    },
  };
}

function readiness(
  pkg: Package,
  last: Build | undefined,
  lastBuild: string | undefined,
): Pick<Condition, 'status' | 'reason' | 'message'> {
  if (last !== undefined && isComplete(last)) {
    const status = hasSucceeded(last) ? 'True' : 'False';
    return {
      status,
      reason: last.status?.reason ?? 'Built',
      message: `Build ${last.metadata.name}: ${last.status?.state ?? ''}`,
    };
  }
  if (last !== undefined || (lastBuild !== undefined && pkg.status?.lastBuild !== lastBuild)) {
    return { status: 'Unknown', reason: 'Building', message: `Build ${lastBuild} is under way` };
  }
  const known = (pkg.status?.conditions as Condition[] | undefined)?.find((condition) => condition.type === 'Ready');
  if (known !== undefined && lastBuild !== undefined) return known;
  return {
    status: 'Unknown',
    reason: 'NotBuilt',
    message:
      pkg.spec.source === undefined
        ? 'it was never built, and has no source; create a Build with one and the label kopr.dev/package'
        : 'it was never built by itself; set autoBuild, or create a Build that names it',
  };
}

function keep<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: string });
}
