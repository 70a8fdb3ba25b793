import { Builders } from '../../crds/builder.ts';
import type { ReconcileContext } from '../../operator/controller.ts';
import type { Manager } from '../../operator/manager.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';

const WAIT_MS = 10_000;
const ID = 'ticket: what leaders before this one wrote';

/**
 * A leader before this one may have claimed machines that the cache does not show yet; whoever decides without them
 * gives a ticket a second one. Once, before the first decision, waits until the cache is as new as the API server.
 */
export function createCatchUp(manager: Manager, buildsNamespace: string): (ctx: ReconcileContext) => Promise<void> {
  let done = false;
  return async (ctx) => {
    if (done) return;
    const { items } = await manager.client.list(Builders, { namespace: buildsNamespace, signal: ctx.signal });
    const writes = items.map((builder) => {
      const { resourceVersion = '', uid = '' } = builder.metadata;
      return { type: Builders as unknown as ResourceType<KubeObject>, key: keyOf(builder), resourceVersion, uid };
    });
    manager.expectations.record(ID, writes);
    const missing = await manager.expectations.settled(ID, WAIT_MS, ctx.signal);
    // A Builder that is deleted between the two is never seen. Not to decide at all would be worse.
    if (missing !== undefined) ctx.log.warn({ missing }, 'deciding although the cache of builders lags behind');
    done = true;
  };
}
