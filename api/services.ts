/** What handlers work with. Each part is made once in service.ts and handed to every call. */
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { Rights } from './auth/access.ts';
import type { ClusterWorld } from './cluster/index.ts';
import type { CounterBatch } from './db/counterBatch.ts';
import type { Database } from './db/database.ts';
import type { LogReader } from './logs/reader.ts';
import type { Uploads } from './uploads/client.ts';

/** The settings that handlers need; all URLs are without a trailing slash. */
export interface SiteConfig {
  /** As users reach the API, such as `https://copr.example.org`. */
  frontendURL: string;
  /** As users reach the results. */
  resultsURL: string;
  /** As this process reaches the results. */
  resultsInternalURL: string;
  publisherURL: string;
  releaseNamespace: string;
  buildsNamespace: string;
  maxUploadBytes: number;
  /** Days for which a token issued by the API is good. */
  tokenDays: number;
}

export interface Services {
  db: Database;
  /** What is counted here is written a few seconds later, and delays nobody. */
  counters: CounterBatch;
  cluster: ClusterWorld;
  uploads: Uploads;
  logs: LogReader;
  rights: Rights;
  config: SiteConfig;
  clock: Clock;
  log: Logger;
  /** Random bytes; of the system except in tests. */
  random: (bytes: number) => Buffer;
  /** Call after a token was revoked by this process: it is refused from then on, here without the delay of the cache. */
  forgetToken(login: string): void;
}
