import type { ServerResponse } from 'node:http';
import type { KubeObject, ResourceType } from '../resource.ts';
import { apiVersionOf, typeName } from '../resource.ts';
import type { HistoryEntry } from './fakeStorage.ts';
import type { WatchBreak } from './faults.ts';
import type { Matcher } from './selectors.ts';

/** One watch under way. */
export class FakeWatch {
  private readonly type: ResourceType<KubeObject>;
  private readonly matches: Matcher;
  private readonly bookmarks: boolean;
  private readonly response: ServerResponse;
  private muted = false;

  constructor(type: ResourceType<KubeObject>, matches: Matcher, bookmarks: boolean, response: ServerResponse) {
    this.type = type;
    this.matches = matches;
    this.bookmarks = bookmarks;
    this.response = response;
  }

  get plural(): string {
    return this.type.plural;
  }

  deliver(entry: HistoryEntry): void {
    if (entry.resource !== typeName(this.type)) return;
    const before = entry.before !== undefined && this.matches(entry.before);
    const now = entry.type !== 'DELETED' && this.matches(entry.object);
    // An object that stops matching the selector is gone as far as this watch is concerned, and the other way round.
    if (now) this.send(before ? 'MODIFIED' : 'ADDED', entry.object);
    else if (before) this.send('DELETED', entry.object);
  }

  bookmark(version: number): void {
    if (!this.bookmarks) return;
    this.send('BOOKMARK', {
      apiVersion: apiVersionOf(this.type),
      kind: this.type.kind,
      metadata: { resourceVersion: String(version) },
    });
  }

  error(code: number, reason: string, message: string): void {
    this.send('ERROR', { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message });
  }

  break(how: WatchBreak): void {
    const { response } = this;
    if (how === 'reset') response.destroy();
    else if (how === 'half-line')
      response.write('{"type":"MODIFIED","object":{"metadata":{"na', () => response.destroy());
    else if (how === 'garbage') response.write('<html>502 Bad Gateway</html>\n');
    else if (how === 'error-410') this.error(410, 'Expired', 'too old resource version');
    else if (how === 'error-504') this.error(504, 'Timeout', 'etcd took too long');
    else if (how === 'end') response.end();
    else this.muted = true;
  }

  private send(type: string, object: unknown): void {
    if (!this.muted) this.response.write(`${JSON.stringify({ type, object })}\n`);
  }
}
