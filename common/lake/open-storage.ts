import { join } from 'node:path';
import type { LakeConfig } from './config.ts';
import { LocalStorage } from './local-storage.ts';
import { S3Storage } from './s3-storage.ts';
import type { LakeStorage } from './storage.ts';

/** The storage that the configuration names. */
export function openStorage({ folder, s3 }: LakeConfig): LakeStorage {
  return s3 === undefined ? new LocalStorage(folder) : new S3Storage(s3, join(folder, 'fetched'));
}
