import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOKEN = 'token-of-metrics-in-tests';

/** Variables with which a process serves metrics; writes their token into `directory`. */
export function metricsEnvironment(directory: string): { KOPR_METRICS: 'on'; KOPR_METRICS_TOKEN_FILE: string } {
  const file = join(directory, 'metrics.token');
  writeFileSync(file, TOKEN, { mode: 0o600 });
  return { KOPR_METRICS: 'on', KOPR_METRICS_TOKEN_FILE: file };
}

/** The metrics of a process on this machine. Throws when they are not shown. */
export async function fetchMetrics(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
  if (response.status !== 200) throw new Error(`/metrics answers ${response.status}: ${await response.text()}`);
  return response.text();
}
