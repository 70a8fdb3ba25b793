import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type ArchiveWriter, type Blob, blobName, createArchive, openArchive } from './archive.ts';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

/** The part of an image's configuration that a container runtime reads. */
export interface RuntimeConfig {
  User?: string;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  WorkingDir?: string;
  Labels?: Record<string, string>;
  ExposedPorts?: Record<string, object>;
}

/** One layer: the content of a directory, placed at `at` in the image ('' is the root). */
export interface LayerSource {
  directory: string;
  at: string;
  /** Whether files keep their owners; otherwise all belong to root and are as old as the epoch. */
  keepOwners: boolean;
}

export interface ImageSpec {
  /** Full reference, such as localhost/pebble:13-x86_64. */
  name: string;
  architecture: string;
  config: RuntimeConfig;
  layers: readonly LayerSource[];
  /** OCI archive of an image whose layers come first; its runtime settings hold where `config` says nothing. */
  base?: string;
}

interface ImageConfig {
  config?: RuntimeConfig;
  rootfs: { type: 'layers'; diff_ids: string[] };
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

/**
 * Writes an image as an OCI archive. Layers stay uncompressed: they never leave the machine, and packing them would
 * take longer than everything else together.
 */
export async function writeImage(path: string, spec: ImageSpec): Promise<void> {
  const archive = await createArchive(path);
  await archive.addFile('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  const base = spec.base === undefined ? undefined : await copyBase(spec.base, archive);
  const layers = base?.layers ?? [];
  const diffIds = base?.config.rootfs.diff_ids ?? [];
  for (const layer of spec.layers) {
    const blob = await packLayer(layer, archive);
    layers.push({ mediaType: LAYER_TYPE, ...blob });
    diffIds.push(blob.digest);
  }
  const config = {
    architecture: spec.architecture,
    os: 'linux',
    config: { ...base?.config.config, ...spec.config },
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
  const configBlob = await archive.addBlob(json(config));
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, ...configBlob },
    layers,
  };
  const blob = await archive.addBlob(json(manifest));
  const tag = spec.name.slice(spec.name.lastIndexOf(':') + 1);
  const annotations = { 'io.containerd.image.name': spec.name, 'org.opencontainers.image.ref.name': tag };
  const platform = { architecture: spec.architecture, os: 'linux' };
  const manifests = [{ mediaType: MANIFEST_TYPE, ...blob, platform, annotations }];
  await archive.addFile('index.json', json({ schemaVersion: 2, manifests }));
  await archive.close();
}

async function packLayer(layer: LayerSource, archive: ArchiveWriter): Promise<Blob> {
  const owners = layer.keepOwners ? ['--numeric-owner'] : ['--owner=0', '--group=0', '--mtime=@0', '--mode=a+rX'];
  const place = layer.at === '' ? [] : [`--transform=s,^\\.,.${layer.at},S`];
  const args = ['--sort=name', '--one-file-system', '--exclude=./dev/*', ...owners, ...place];
  const tar = spawn('tar', [...args, '-C', layer.directory, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    tar.on('error', reject);
    tar.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`tar of ${layer.directory} failed: ${code}`)),
    );
  });
  const [blob] = await Promise.all([archive.addBlob(tar.stdout as Readable), ended]);
  return blob;
}

async function copyBase(path: string, archive: ArchiveWriter): Promise<{ layers: Descriptor[]; config: ImageConfig }> {
  const reader = await openArchive(path);
  const read = async <T>(name: string) => JSON.parse((await reader.read(name)).toString('utf8')) as T;
  const index = await read<{ manifests: Descriptor[] }>('index.json');
  const [first] = index.manifests;
  if (first === undefined) throw new Error(`${path} holds no image`);
  const manifest = await read<{ config: Descriptor; layers: Descriptor[] }>(blobName(first.digest));
  for (const layer of manifest.layers) await archive.addBlob(reader.stream(blobName(layer.digest)));
  return { layers: [...manifest.layers], config: await read<ImageConfig>(blobName(manifest.config.digest)) };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
