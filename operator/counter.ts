import { isAlreadyExists, isConflict } from './apiError.ts';
import type { ApiClient } from './client.ts';
import type { ConfigMap } from './core.ts';
import { ConfigMaps } from './core.ts';

/** Numbers taken from the counter at once. A restart leaves a gap of at most this many; no number is used twice. */
const BLOCK = 20;
const ATTEMPTS = 10;

/** Numbers that are unique in the cluster, from 1. */
export interface Counter {
  next(): Promise<number>;
}

export interface CounterOptions {
  namespace: string;
  /** Of the ConfigMap. */
  name: string;
  /** The highest number in use: a counter that was lost, or restored from an old backup, must not give numbers again. */
  highest: () => number;
}

/**
 * Takes blocks from a counter in a ConfigMap. Every change is conditional on the resourceVersion that was read, so
 * several processes get different blocks.
 */
export function createCounter(client: ApiClient, { namespace, name, highest }: CounterOptions): Counter {
  let next = 0;
  let end = 0;
  let taking: Promise<void> | undefined;

  async function takeBlock(): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const current = await client.get(ConfigMaps, `${namespace}/${name}`);
      if (current === undefined) {
        await createMap();
        continue;
      }
      const first = Math.max(readCounter(current), highest() + 1);
      try {
        await client.apply(ConfigMaps, counter(first + BLOCK), {
          manager: name,
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
    throw new Error(`ConfigMap ${namespace}/${name} changed ${ATTEMPTS} times while a block of numbers was taken`);
  }

  async function createMap(): Promise<void> {
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
      metadata: { name, namespace },
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
    `ConfigMap ${map.metadata.namespace}/${map.metadata.name} has next="${map.data?.next}"; set it to a number above every one in use`,
  );
}
