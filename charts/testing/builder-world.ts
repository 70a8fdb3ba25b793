/** What the operator makes a builder pod from. */
import type { BuilderWorld, Installation } from '../../controllers/builder/world.ts';
import { stageClaimOf } from '../../crds/builder.ts';
import { exampleOf } from '../../crds/examples.ts';

export const INSTALLATION: Installation = {
  buildsNamespace: 'kopr-builds',
  builderImage: 'kopr-builder',
  builderImagePullPolicy: 'IfNotPresent',
  hostAliases: [{ ip: '10.0.0.1', hostnames: ['files.example'] }],
  publisherURL: 'http://publisher:5012',
  distgitURL: 'http://distgit:5001',
  resultsInternalURL: 'http://results:5002/results',
  vendor: 'kopr',
};

/** One builder of a stage, with the examples of everything it belongs to. */
export function worldOf(stage: 'source' | 'binary'): BuilderWorld {
  const example = <T>(kind: string): T => {
    const { metadata, ...rest } = exampleOf(kind);
    return { ...rest, metadata: { ...metadata, uid: '0b9a4e52-6a51-4a35-a7c6-3a8a4f7d9d10' } } as unknown as T;
  };
  const chrootBuild = example<NonNullable<BuilderWorld['chrootBuild']>>('ChrootBuild');
  const builder = example<BuilderWorld['builder']>('Builder');
  const claim = stageClaimOf(builder);
  if (claim === undefined) throw new Error('the example of a Builder is not for a stage');
  return {
    builder,
    claim,
    pool: example<NonNullable<BuilderWorld['pool']>>('BuilderPool'),
    ticket: example<NonNullable<BuilderWorld['ticket']>>('BuilderTicket'),
    chrootBuild: { ...chrootBuild, spec: { ...chrootBuild.spec, stage } },
    project: example<NonNullable<BuilderWorld['project']>>('Project'),
    chroot: example<NonNullable<BuilderWorld['chroot']>>('Chroot'),
    pod: undefined,
  };
}
