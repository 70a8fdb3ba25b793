import { RELEASE_NAMESPACE } from './deploy.ts';
import type { Kubectl } from './kubectl.ts';
import { CommandError } from './run.ts';

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
  if (!(await exists(kubectl, user))) await apiAdmin(kubectl, ['user', 'add', user]);
  if (admin) await apiAdmin(kubectl, ['user', 'set-admin', user]);
  return apiAdmin(kubectl, ['token', 'add', user, '--description', 'make copr-config', '--copr-config']);
}

/** A pod that cannot be reached is another failure than a user who is not there: adding tells which it was. */
async function exists(kubectl: Kubectl, user: string): Promise<boolean> {
  try {
    await apiAdmin(kubectl, ['user', 'show', user]);
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}
