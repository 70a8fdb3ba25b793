import { RELEASE_NAMESPACE } from './deploy.ts';
import type { Kubectl } from './kubectl.ts';

export interface Account {
  user: string;
  /** Make the user an administrator of the site. */
  admin?: boolean;
}

/** Runs the command line of the API in one of its pods, which knows the database and the cluster. */
export function apiAdmin(kubectl: Kubectl, args: readonly string[]): Promise<string> {
  return kubectl([
    '-n',
    RELEASE_NAMESPACE,
    'exec',
    'deployment/kopr-api',
    '-c',
    'api',
    '--',
    '/usr/local/bin/node',
    '/opt/kopr/api.mjs',
    'admin',
    ...args,
  ]);
}

/** What ~/.config/copr has to hold for this user, with a new token. The user is made if there is none of this name. */
export async function coprConfig(kubectl: Kubectl, { user, admin = false }: Account): Promise<string> {
  await apiAdmin(kubectl, ['user', 'add', user, '--exist-ok']);
  if (admin) await apiAdmin(kubectl, ['user', 'set-admin', user, 'on']);
  return apiAdmin(kubectl, ['token', 'add', user, '--description', 'make copr-config', '--copr-config']);
}
