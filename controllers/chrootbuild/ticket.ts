import type { BuilderTicket } from '../../crds/builderticket.ts';
import type { Chroot } from '../../crds/chroot.ts';
import type { ChrootBuild } from '../../crds/chrootbuild.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { ownerReference } from '../../operator/resource.ts';
import { ticketName } from '../shared/names.ts';

/**
 * Copr's order, as one number (higher first): source stages before binary ones, so that a build fails early and its
 * chroots can be counted; everything in the background behind everything else.
 */
const SOURCE_FIRST = 1_000;
const BACKGROUND = -100_000;

export function ticketFor(chrootBuild: ChrootBuild, chroot: Chroot | undefined, attempt: number): BuilderTicket {
  const { spec, metadata } = chrootBuild;
  return {
    apiVersion: API_VERSION,
    kind: 'BuilderTicket',
    metadata: {
      name: ticketName(metadata.name, attempt),
      namespace: metadata.namespace ?? '',
      ...(metadata.labels ? { labels: { ...metadata.labels } } : {}),
      ownerReferences: [ownerReference(chrootBuild, { controller: true })],
    },
    spec: {
      chrootBuild: metadata.name,
      chrootBuildUID: metadata.uid ?? '',
      attempt,
      owner: spec.owner,
      project: spec.project,
      sandbox: `${spec.owner}/${spec.project}`,
      architecture: spec.stage === 'source' ? 'noarch' : (chroot?.spec.architecture ?? 'noarch'),
      ...environmentOf(chrootBuild, chroot),
      tags: [...(chroot?.spec.tags ?? [])],
      priority: (spec.stage === 'source' ? SOURCE_FIRST : 0) + (spec.background ? BACKGROUND : 0),
      closed: false,
    },
  };
}

/**
 * What can serve the stage. Sources are made in pods, apart from every credential; a chroot without an image is built on
 * machines; one whose repositories only its image knows, in pods.
 */
function environmentOf(
  { spec: { stage } }: ChrootBuild,
  chroot: Chroot | undefined,
): Pick<BuilderTicket['spec'], 'environment'> {
  if (stage === 'source') return { environment: 'pod' };
  if (chroot !== undefined && chroot.spec.container === undefined) return { environment: 'machine' };
  return (chroot?.spec.repos ?? []).length === 0 ? { environment: 'pod' } : {};
}
