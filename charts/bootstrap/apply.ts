import type { Clock } from '../../lib/clock.ts';
import { DeadlineError, errorMessage, TerminalError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { ApiClient } from '../../operator/client.ts';
import { ApiError } from '../../operator/client.ts';
import { keyOf } from '../../operator/resource.ts';
import type { Target, ValuesObject } from './objects.ts';
import { FROM_VALUES, leftovers, targetOf } from './objects.ts';

export interface BootstrapDeps {
  client: ApiClient;
  clock: Clock;
  log: Logger;
}

const MANAGER = 'kopr-values';
const PAUSE_MS = 1_000;

/**
 * Applies `objects` and deletes what came from the values of `release` and is no longer among them. May be repeated at
 * any time. Right after an installation the API server may not serve the kinds yet, or not know the rights of this
 * program: it is asked again until `timeoutMs` is over. Rejects with TerminalError when it refuses an object for good.
 */
export async function bootstrap(
  deps: BootstrapDeps,
  objects: readonly ValuesObject[],
  targets: readonly Target[],
  release: string,
  timeoutMs: number,
): Promise<void> {
  const { client, clock, log } = deps;
  const until = clock.monotonic() + timeoutMs;

  for (const object of objects) {
    const { type } = targetOf(object, targets);
    await persist(`${type.kind} ${keyOf(object)}`, () => client.apply(type, object, { manager: MANAGER }));
    log.info({ kind: type.kind, object: object.metadata.name }, 'applied');
  }
  for (const target of targets) {
    const { items } = await persist(`the list of ${target.type.plural}`, () =>
      client.list(target.type, {
        labelSelector: `${FROM_VALUES}=${release}`,
        ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
      }),
    );
    for (const object of leftovers(items, objects)) {
      await persist(`the removal of ${target.type.kind} ${keyOf(object)}`, () =>
        client.delete(target.type, keyOf(object), object.metadata.uid ? { uid: object.metadata.uid } : {}),
      );
      log.info({ kind: target.type.kind, object: object.metadata.name }, 'removed, since the values no longer hold it');
    }
  }

  async function persist<R>(what: string, act: () => Promise<R>): Promise<R> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (error instanceof ApiError && (error.status === 400 || error.status === 422)) {
          throw new TerminalError('Refused', `the API server refuses ${what}: ${error.message}`);
        }
        if (clock.monotonic() + PAUSE_MS > until) {
          throw new DeadlineError(`${what} (${errorMessage(error)})`, timeoutMs);
        }
        log.info({ what, reason: errorMessage(error) }, 'the API server is not ready for it yet');
        await clock.sleep(PAUSE_MS);
      }
    }
  }
}
