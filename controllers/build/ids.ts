import { isAlreadyExists, isConflict } from '../../operator/apiError.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { ConfigMap } from '../../operator/core.ts';
import { ConfigMaps } from '../../operator/core.ts';

/** Name of the ConfigMap with the counter. */
export const BUILD_IDS = 'kopr-build-ids';
/** Numbers taken from the counter at once. A restart leaves a gap of at most this many; no number is used twice. */
const BLOCK = 20;
const ATTEMPTS = 10;

/** Numbers for Builds, unique in the cluster: legacy clients know builds by number. */
export interface BuildIDs {
  next(): Promise<number>;
}

/**
 * Takes blocks from a counter in a ConfigMap. Every change is conditional on the resourceVersion that was read, so
 * two leaders that overlap get different blocks. `highest` is the highest number that a Build has: a counter that was
 * lost, or restored from an old backup, must not give numbers again that name directories of published packages.
 */
export function createBuildIDs(client: ApiClient, namespace: string, highest: () => number): BuildIDs {
  let next = 0;
  let end = 0;
  let taking: Promise<void> | undefined;

  async function takeBlock(): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const current = await client.get(ConfigMaps, `${namespace}/${BUILD_IDS}`);
      if (current === undefined) {
        await createCounter();
        continue;
      }
      const first = Math.max(readCounter(current), highest() + 1);
      try {
        await client.apply(ConfigMaps, counter(first + BLOCK), {
          manager: 'kopr-build-ids',
          resourceVersion: current.metadata.resourceVersion ?? '',
        });
      } catch (error) {
        if (isConflict(error)) continue;
        throw error;
      }
      next = first;
      end = first + BLOCK;
      return;
    }
    throw new Error(
      `ConfigMap ${namespace}/${BUILD_IDS} changed ${ATTEMPTS} times while a block of build numbers was taken`,
    );
  }

  async function createCounter(): Promise<void> {
    try {
      await client.create(ConfigMaps, counter(highest() + 1));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  function counter(value: number): ConfigMap {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: BUILD_IDS, namespace },
      data: { next: String(value) },
    };
  }

  return {
    async next() {
      while (next >= end) {
        taking ??= takeBlock().finally(() => {
          taking = undefined;
        });
        await taking;
      }
      return next++;
    },
  };
}

function readCounter(map: ConfigMap): number {
  const value = Number(map.data?.next);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(
    `ConfigMap ${map.metadata.namespace}/${BUILD_IDS} has next="${map.data?.next}"; set it to a number above every build number in use`,
  );
}
