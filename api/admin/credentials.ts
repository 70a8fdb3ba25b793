import { createHash } from 'node:crypto';

/** What a user needs to prove who he is. The token is shown once and kept by nobody but him. */
export interface Credentials {
  login: string;
  token: string;
  /** SHA-256 of the token: what the database gets. */
  hash: Buffer;
}

const LETTERS = 26;
/** Bytes above it are thrown away, lest the first letters come more often than the last. */
const FAIR = 256 - (256 % LETTERS);
const LOGIN_LETTERS = 24;
const TOKEN_LETTERS = 30;

/** @param random so many random bytes, of a source that nobody can foresee */
export function newCredentials(random: (bytes: number) => Buffer): Credentials {
  const token = letters(TOKEN_LETTERS, random);
  return { login: letters(LOGIN_LETTERS, random), token, hash: createHash('sha256').update(token).digest() };
}

function letters(length: number, random: (bytes: number) => Buffer): string {
  let text = '';
  while (text.length < length) {
    for (const byte of random(2 * length)) {
      if (byte < FAIR && text.length < length) text += String.fromCharCode(97 + (byte % LETTERS));
    }
  }
  return text;
}
