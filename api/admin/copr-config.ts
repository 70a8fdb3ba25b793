import { toTimestamp } from '../../lib/clock.ts';

export interface CoprConfig {
  username: string;
  login: string;
  token: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** As users reach the API. */
  frontendURL: string;
}

/** The text of ~/.config/copr for copr-cli and python-copr. */
export function coprConfig({ username, login, token, expiresAt, frontendURL }: CoprConfig): string {
  const lines = [
    '[copr-cli]',
    `login = ${login}`,
    `username = ${username}`,
    `token = ${token}`,
    `copr_url = ${frontendURL}`,
    // Without it clients insist on https.
    ...(frontendURL.startsWith('http:') ? ['encrypted = no'] : []),
    `# expiration date: ${dateOf(expiresAt)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The day in UTC, as 2026-11-24. */
export function dateOf(ms: number): string {
  return toTimestamp(ms).slice(0, 10);
}
