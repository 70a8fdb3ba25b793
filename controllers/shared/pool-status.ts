import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import { API_VERSION } from '../../crds/kind.ts';
import type { Manager } from '../../operator/manager.ts';

/** The fields that one controller has in the status of that very pool: the uid makes it a conflict when it is another one by now. */
export async function applyPoolStatus(
  manager: Pick<Manager, 'applyStatus'>,
  pool: BuilderPool,
  status: NonNullable<BuilderPool['status']>,
  owner: string,
): Promise<void> {
  const { name, namespace = '', uid = '' } = pool.metadata;
  const desired = { apiVersion: API_VERSION, kind: 'BuilderPool', metadata: { name, namespace, uid }, status };
  await manager.applyStatus(BuilderPools, desired, { manager: owner });
}
