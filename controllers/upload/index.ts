/**
 * Expiry of uploads: files that were sent to the API for a build and that nobody needs any more are deleted at the publisher.
 *
 * There is no object for an upload. The one key is the release's namespace, looked at every ten minutes.
 */
import { Builds } from '../../crds/build.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import { Namespaces } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import type { RbacRule } from '../../operator/rbac.ts';
import { planExpiry } from './plan.ts';
import type { UploadStore } from './publisher.ts';

export const uploadRbac: RbacRule[] = [
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
  { group: 'kopr.dev', resources: ['builds'], verbs: ['get', 'list', 'watch'], scope: 'cluster' },
];

const INTERVAL_MS = 600_000;

export interface UploadControllerOptions {
  uploads: UploadStore;
  releaseNamespace: string;
  /** Age in hours at which an upload that no Build names is deleted (KOPR_UPLOAD_HOURS, 24). */
  hours: number;
}

export function addUploadController(manager: Manager, options: UploadControllerOptions): void {
  const { uploads, releaseNamespace, hours } = options;
  const builds = manager.store(Builds);

  async function reconcile(key: string, ctx: ReconcileContext): Promise<ReconcileResult> {
    if (key !== releaseNamespace) return undefined;
    // The list comes first: a Build that names one of these uploads was made before or will be young when it is missed.
    const listed = await uploads.list(ctx.signal);
    const expired = planExpiry(listed, builds.list(), hours, ctx.clock.now());
    for (const id of expired) {
      await uploads.delete(id, ctx.signal);
      ctx.log.info({ upload: id }, 'upload deleted, nobody needs it any more');
    }
    return { requeueAfterMs: INTERVAL_MS, reason: 'NextExpiry' };
  }

  manager.addController({
    name: 'upload',
    for: Namespaces,
    forPredicate: (old, now) => old === undefined && now?.metadata.name === releaseNamespace,
    reconcile,
    rbac: uploadRbac,
  });
}
