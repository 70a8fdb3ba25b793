/**
 * Package: a change of the source is a build.
 *
 *   source or chroots differ from what was built last, autoBuild ──▶ make a Build ──▶ remember the digest
 *   its newest Build ended ──▶ Ready says how; Builds that name it and those with its label are its Builds
 *   no source ──▶ a name that Builds may have, nothing is built by itself
 *
 * The Build is made before the digest is remembered; its name has the digest and the generation, so a crash in
 * between makes the same Build again, which is none. A Build that retention deleted is not made again.
 */
import { Builds } from '../../crds/build.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { Packages } from '../../crds/package.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { watching } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { keyOf } from '../../operator/resource.ts';
import { createOnce } from '../shared/create.ts';
import { fieldManager } from '../shared/names.ts';
import { labelKey, labelKeys } from './label.ts';
import { planPackage } from './plan.ts';

export const packageRbac: RbacRule[] = [
  { group: 'kopr.dev', resources: ['packages'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['packages/status'], verbs: ['patch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds'], verbs: ['get', 'list', 'watch', 'create'], scope: 'cluster' },
];

const MANAGER = fieldManager('package');

export function addPackageController(manager: Manager): void {
  const packages = manager.store(Packages);
  const builds = manager.store(Builds);
  manager.addIndex(Builds, 'package', labelKeys);
  manager.addIndex(Packages, 'label', (pkg) => [labelKey(pkg)]);

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    const pkg = packages.get(key);
    if (pkg === undefined || pkg.metadata.deletionTimestamp !== undefined) return undefined;
    const ours = new Set([...builds.byIndex('package', labelKey(pkg)), ...builds.byIndex('of package', key)]);
    const plan = planPackage(pkg, [...ours], ctx.clock.now());
    if (plan.create !== undefined && (await createOnce(manager.client, Builds, plan.create))) {
      const message = `the source changed: Build ${plan.create.metadata.name}`;
      ctx.log.info({ package: key, build: plan.create.metadata.name }, 'source changed');
      manager.events.event(pkg, 'Normal', 'BuildCreated', message);
    }
    const { name, namespace } = pkg.metadata;
    const metadata = { name, namespace: namespace ?? '' };
    await manager.applyStatus(
      Packages,
      { apiVersion: API_VERSION, kind: 'Package', metadata, status: plan.status },
      { manager: MANAGER },
    );
    return undefined;
  }

  manager.addController({
    name: 'package',
    for: Packages,
    watches: [
      watching({
        type: Builds,
        map: (build) => [
          ...labelKeys(build).flatMap((label) => packages.byIndex('label', label).map(keyOf)),
          ...(build.spec.package === undefined ? [] : [`${build.metadata.namespace}/${build.spec.package}`]),
        ],
      }),
    ],
    workers: 2,
    reconcile,
    rbac: packageRbac,
  });
}
