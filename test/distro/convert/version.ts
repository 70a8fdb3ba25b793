/** Epoch, version and release as RPM keeps them. */
export interface RpmVersion {
  epoch: number;
  version: string;
  release: string;
}

/**
 * '1:2.3-4' → epoch 1, version 2.3, release 4. A version without a revision (a native package) gets release 0.
 * There is no distribution suffix: with one, every '= version-release' dependency would have to be rewritten.
 */
export function toRpmVersion(debian: string): RpmVersion {
  const match = /^(?:(\d+):)?([A-Za-z0-9.+~-]+?)(?:-([A-Za-z0-9.+~]+))?$/.exec(debian);
  if (match === null) throw new Error(`'${debian}' is not a Debian package version`);
  const [, epoch = '0', version = '', release = '0'] = match;
  return { epoch: Number(epoch), version: version.replaceAll('-', '_'), release };
}

/** The version part of a dependency: '1:2.3-4' or, without a revision, '2.3', which any release satisfies. */
export function toRpmEvr(debian: string): string {
  const { epoch, version, release } = toRpmVersion(debian);
  return `${epoch > 0 ? `${epoch}:` : ''}${version}${debian.includes('-') ? `-${release}` : ''}`;
}
