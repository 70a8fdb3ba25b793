import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Settings of the test distribution, all of them optional. */
export interface Config {
  /** Directory for everything that is built once and kept between runs. */
  cacheDirectory: string;
  /** Mirror to use instead of the one in apt's own sources. */
  mirror: string | undefined;
  /** Whether this process already holds the lock of the cache. */
  locked: boolean;
}

/** Reads KOPR_CACHE, XDG_CACHE_HOME and KOPR_DEBIAN_MIRROR. */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const home = env.HOME || homedir();
  const cache = env.KOPR_CACHE || join(env.XDG_CACHE_HOME || join(home, '.cache'), 'kopr');
  return {
    cacheDirectory: resolve(cache),
    mirror: env.KOPR_DEBIAN_MIRROR || undefined,
    locked: env.KOPR_DISTRO_LOCKED === '1',
  };
}
