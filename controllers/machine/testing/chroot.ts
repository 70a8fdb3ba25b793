import { Chroots } from '../../../crds/chroot.ts';
import type { ApiClient } from '../../../operator/client.ts';
import { isAlreadyExists } from '../../../operator/client.ts';
import { aChroot } from '../../testing/objects.ts';

/** A chroot without an image: machines alone can build in it. */
export const MACHINE_CHROOT = 'pebble-14-x86_64';

export async function createMachineChroot(client: ApiClient): Promise<void> {
  const { metadata, spec } = aChroot(MACHINE_CHROOT);
  const { container: _image, ...withoutImage } = spec;
  const repos = [{ id: 'base', baseurl: 'http://mirror.example/pebble/14/' }];
  try {
    await client.create(Chroots, { metadata: { name: metadata.name }, spec: { ...withoutImage, repos } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
