import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { octalHeader } from './tar-header.ts';

const BLOCK = 512;

/** Where a blob lies: its digest ('sha256:…') and size, as manifests refer to it. */
export interface Blob {
  digest: string;
  size: number;
}

/** A tar archive being written from front to back; it takes its final name only when it is complete. */
export interface ArchiveWriter {
  addFile(name: string, data: Buffer): Promise<void>;
  /** Adds data of unknown length under blobs/sha256/, named by its own digest. */
  addBlob(data: Buffer | Readable): Promise<Blob>;
  close(): Promise<void>;
}

export async function createArchive(path: string): Promise<ArchiveWriter> {
  const part = `${path}.part`;
  const file = await open(part, 'w');
  const added = new Set<string>();
  let end = 0;

  const finish = async (name: string, start: number, size: number) => {
    await file.write(octalHeader(name, size), 0, BLOCK, start);
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    await file.write(Buffer.alloc(padding), 0, padding, start + BLOCK + size);
    end = start + BLOCK + size + padding;
  };

  return {
    async addFile(name, data) {
      await file.write(data, 0, data.length, end + BLOCK);
      await finish(name, end, data.length);
    },
    async addBlob(data) {
      const blob = await writeHashed(file, data, end + BLOCK);
      // The same content twice is one blob; what was written is overwritten by what follows.
      if (added.has(blob.digest)) return blob;
      added.add(blob.digest);
      await finish(blobName(blob.digest), end, blob.size);
      return blob;
    },
    async close() {
      await file.write(Buffer.alloc(2 * BLOCK), 0, 2 * BLOCK, end);
      await file.truncate(end + 2 * BLOCK);
      await file.sync();
      await file.close();
      await rename(part, path);
    },
  };
}

/** 'sha256:abc' → 'blobs/sha256/abc' */
export function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

async function writeHashed(file: FileHandle, data: Buffer | Readable, start: number): Promise<Blob> {
  const hash = createHash('sha256');
  let size = 0;
  const chunks: AsyncIterable<Buffer> | Buffer[] = Buffer.isBuffer(data) ? [data] : data;
  for await (const chunk of chunks) {
    hash.update(chunk);
    await file.write(chunk, 0, chunk.length, start + size);
    size += chunk.length;
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

/** An existing archive, its members found by name. */
export interface ArchiveReader {
  read(name: string): Promise<Buffer>;
  stream(name: string): Readable;
}

/** Indexes a tar archive by its headers, without reading what they describe. */
export async function openArchive(path: string): Promise<ArchiveReader> {
  const members = await indexOf(path);
  const find = (name: string) => {
    const member = members.get(name);
    if (member === undefined) throw new Error(`${path} is no OCI archive: it lacks ${name}`);
    return member;
  };
  const stream = (name: string) => {
    const { start, size } = find(name);
    return createReadStream(path, { start, end: start + size - 1, highWaterMark: 1 << 20 });
  };
  return {
    stream,
    async read(name) {
      const chunks: Buffer[] = [];
      for await (const chunk of stream(name)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
  };
}

async function indexOf(path: string): Promise<Map<string, { start: number; size: number }>> {
  const members = new Map<string, { start: number; size: number }>();
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(BLOCK);
    let offset = 0;
    while ((await file.read(header, 0, BLOCK, offset)).bytesRead === BLOCK && header[0] !== 0) {
      const name = header.toString('utf8', 0, Math.min(header.indexOf(0), 100));
      const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
      members.set(name.replace(/^\.\//, ''), { start: offset + BLOCK, size });
      offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
  } finally {
    await file.close();
  }
  return members;
}
